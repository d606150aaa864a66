"""Gives the HTTP routes of a dialect read access to its rooms."""

from __future__ import annotations

from signaling_sidecar.hub import Hub, RoomKey
from signaling_sidecar.hub.effects import PeerView, RoomsListed


class HubView:
    """The `View` of the dialect with this name."""

    def __init__(self, hub: Hub, dialect: str) -> None:
        self._hub = hub
        self._dialect = dialect

    def listed_rooms(self) -> RoomsListed:
        return self._hub.lobby.rooms(self._dialect)

    def peers(self, room: str) -> tuple[PeerView, ...] | None:
        found = self._hub.membership.room(RoomKey(self._dialect, room))
        return None if found is None else tuple(session.view() for session in found.sessions.values())
