"""How the HTTP routes read and change the rooms, wherever the hub is."""

from __future__ import annotations

from typing import Protocol

import msgspec
from aiohttp import web

from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub import Hub
from signaling_sidecar.hub.commands import OfAdmin


class RoomsUnavailable(web.HTTPServiceUnavailable):
    """The rooms can neither be read nor changed at the moment. The message is a sentence for the person who asks.

    A route that does not catch it answers with 503.
    """

    code = "rooms-unavailable"

    def __init__(self, message: str) -> None:
        text = msgspec.json.encode({"code": self.code, "message": message}).decode()
        super().__init__(text=text, content_type="application/json", headers={"Retry-After": "1"})
        self.message = message


class RoomsAccess(Protocol):
    """Of several sidecars with the same rooms, only one has the hub. The routes of all of them answer the same."""

    async def hub(self) -> Hub:
        """Return the hub, or a copy of it. It may only be read, and changes whenever the caller waits.

        Raises RoomsUnavailable.
        """

    async def administer(self, command: OfAdmin) -> Refusal | None:
        """Carry out an admin command. Returns the refusal if it cannot be carried out. Raises RoomsUnavailable."""
