"""Gives the HTTP routes of a dialect read access to its rooms."""

from __future__ import annotations

from signaling_sidecar.hub import Hub, RoomKey
from signaling_sidecar.hub.messages import RoomsListed
from signaling_sidecar.hub.views import PeerView


class HubView:
    """The `View` of the dialect with this name. If `only` is given, the view has only the rooms with these ids."""

    def __init__(self, hub: Hub, dialect: str, only: frozenset[str] | None) -> None:
        self._hub = hub
        self._dialect = dialect
        self._only = only

    def listed_rooms(self) -> RoomsListed:
        return self._hub.lobby.rooms(self._dialect, self._only)

    def peers(self, room: str) -> tuple[PeerView, ...] | None:
        if self._only is not None and room not in self._only:
            return None
        found = self._hub.membership.room(RoomKey(self._dialect, room))
        return None if found is None else tuple(session.view() for session in found.sessions.values())


class NoView:
    """The `View` of a route that reads no rooms."""

    def listed_rooms(self) -> RoomsListed:
        return RoomsListed(())

    def peers(self, room: str) -> tuple[PeerView, ...] | None:
        return None
