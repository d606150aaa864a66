"""Defines how HTTP routes read and change the rooms, even if another sidecar of the cluster has the hub."""

from __future__ import annotations

from typing import Protocol

import msgspec
from aiohttp import web

from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub import Hub
from signaling_sidecar.hub.commands import OfAdmin


class RoomsUnavailable(web.HTTPServiceUnavailable):
    """The rooms can neither be read nor changed at the moment. The message is a sentence for the user.

    A route that does not catch this exception answers with 503.
    """

    code = "rooms-unavailable"

    def __init__(self, message: str) -> None:
        text = msgspec.json.encode({"code": self.code, "message": message}).decode()
        super().__init__(text=text, content_type="application/json", headers={"Retry-After": "1"})
        self.message = message


class RoomsAccess(Protocol):
    """Reads and changes the rooms. In a cluster, only the owner has the hub, but the HTTP routes of each instance
    answer as if it had the hub."""

    async def hub(self) -> Hub:
        """Return the hub, or a copy of it. The caller must not change the hub. The hub may change during each `await`
        of the caller.

        Raises RoomsUnavailable.
        """

    async def administer(self, command: OfAdmin) -> Refusal | None:
        """Carry out an admin command. Returns the refusal if it cannot be carried out. Raises RoomsUnavailable."""
