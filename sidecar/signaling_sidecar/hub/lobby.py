"""Who watches the list of rooms, and when they are sent it."""

from __future__ import annotations

from dataclasses import dataclass

from signaling_sidecar.hub.deadlines import Deadlines
from signaling_sidecar.hub.effects import Effect, RoomsListed, Send
from signaling_sidecar.hub.membership import Membership, Room

MIN_GAP_S = 0.25  # seconds between two lists to one watcher; PROTOCOLS.md, "`rooms`"


@dataclass(slots=True)
class _Watcher:
    dialect: str
    sent_s: float
    current: bool = True
    """False: the list has changed since it was sent."""


class Lobby:
    def __init__(self, membership: Membership, deadlines: Deadlines) -> None:
        self._membership = membership
        self._deadlines = deadlines
        self._watchers: dict[int, _Watcher] = {}
        self._behind = False
        self._wake_s: float | None = None

    def rooms(self, dialect: str) -> RoomsListed:
        """The listed rooms of one dialect, oldest first."""
        return RoomsListed(
            tuple(room.view() for room in self._membership.rooms if room.listed and room.key.dialect == dialect)
        )

    def watch(self, connection: int, dialect: str, now_s: float) -> list[Effect]:
        self._watchers[connection] = _Watcher(dialect, now_s)
        return [Send((connection,), self.rooms(dialect))]

    def unwatch(self, connection: int) -> None:
        self._watchers.pop(connection, None)

    def mark_changed(self, room: Room) -> None:
        """The room's line in the list is another, or begins or ends: `send_due` will say so."""
        if room.listed:
            self.mark_all_changed(room.key.dialect)

    def mark_all_changed(self, dialect: str) -> None:
        for watcher in self._watchers.values():
            if watcher.dialect == dialect:
                watcher.current = False
                self._behind = True

    def send_due(self, now_s: float) -> list[Effect]:
        """Send the list to the watchers that are behind and may be told again; ask for a wake-up for the others."""
        if not self._behind:
            return []
        due: dict[str, list[int]] = {}
        later_s: list[float] = []
        for connection, watcher in self._watchers.items():
            if watcher.current:
                continue
            if watcher.sent_s + MIN_GAP_S > now_s:
                later_s.append(watcher.sent_s + MIN_GAP_S)
                continue
            watcher.sent_s, watcher.current = now_s, True
            due.setdefault(watcher.dialect, []).append(connection)
        self._behind = bool(later_s)
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
