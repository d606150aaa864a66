"""How the HTTP routes read and change the rooms, wherever the hub is."""

from __future__ import annotations

from typing import Protocol

from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub import Hub
from signaling_sidecar.hub.commands import OfAdmin


class RoomsAccess(Protocol):
    """Of several sidecars with the same rooms, only one has the hub. The routes of all of them answer the same."""

    async def hub(self) -> Hub:
        """Return the hub, or a copy of it. It may only be read, and changes whenever the caller waits."""

    async def administer(self, command: OfAdmin) -> Refusal | None:
        """Carry out an admin command. Returns the refusal if it cannot be carried out."""
