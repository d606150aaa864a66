"""The lobby: which connections watch the list of rooms, and when the list is sent to them again."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import UNSET

from signaling_sidecar.hub.commands import WatchRooms
from signaling_sidecar.hub.deadlines import Deadlines
from signaling_sidecar.hub.effects import Effect, JsonText, RoomsListed, Send
from signaling_sidecar.hub.membership import Membership, Room

MIN_GAP_S = 0.25  # seconds between two lists to one watcher; PROTOCOLS.md, "`rooms`"


@dataclass(slots=True)
class _Watcher:
    dialect: str
    sent_s: float
    is_current: bool = True
    """Whether the list that was last sent to the watcher is still current."""


class Lobby:
    def __init__(self, membership: Membership, deadlines: Deadlines) -> None:
        self._membership = membership
        self._deadlines = deadlines
        self._watchers: dict[int, _Watcher] = {}
        self.is_behind = False
        """Whether any watcher has a list that is not current."""
        self._wake_s: float | None = None

    def rooms(self, dialect: str, ref: JsonText = UNSET) -> RoomsListed:
        """The listed rooms of one dialect, in order of creation. `ref` is the id of the frame that asks for them."""
        listed = (room for room in self._membership.rooms if room.listed and room.key.dialect == dialect)
        return RoomsListed(tuple(room.view() for room in listed), ref)

    def watch(self, watch: WatchRooms, now_s: float) -> list[Effect]:
        self._watchers[watch.connection] = _Watcher(watch.dialect, now_s)
        return [Send((watch.connection,), self.rooms(watch.dialect, watch.ref or UNSET))]

    def unwatch(self, connection: int) -> list[Effect]:
        self._watchers.pop(connection, None)
        return []

    def mark_changed(self, room: Room) -> None:
        """Remember that the room's entry in the list has changed, so that `send_due` sends the list again."""
        if room.listed:
            self.mark_all_changed(room.key.dialect)

    def mark_all_changed(self, dialect: str) -> None:
        """Remember that the list of a dialect has changed."""
        for watcher in self._watchers.values():
            if watcher.dialect == dialect:
                watcher.is_current = False
                self.is_behind = True

    def send_due(self, now_s: float) -> list[Effect]:
        """Send the list to each watcher whose list is not current. A watcher that got a list a moment ago gets the new
        one later."""
        if not self.is_behind:
            return []
        due: dict[str, list[int]] = {}
        later_s: list[float] = []
        for connection, watcher in self._watchers.items():
            if watcher.is_current:
                continue
            if watcher.sent_s + MIN_GAP_S > now_s:
                later_s.append(watcher.sent_s + MIN_GAP_S)
                continue
            watcher.sent_s, watcher.is_current = now_s, True
            due.setdefault(watcher.dialect, []).append(connection)
        self.is_behind = bool(later_s)
        if later_s:
            self._wake_at(min(later_s))
        return [Send(tuple(connections), self.rooms(dialect)) for dialect, connections in due.items()]

    def _wake_at(self, when_s: float) -> None:
        if self._wake_s is None or when_s < self._wake_s:
            self._wake_s = when_s
            self._deadlines.at(when_s, self._wake)

    def _wake(self, now_s: float) -> list[Effect]:
        self._wake_s = None
        return self.send_due(now_s)
