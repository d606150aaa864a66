"""The lobby: which connections watch the list of rooms, and when the list is sent to them again."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec import UNSET

from signaling_sidecar.hub.commands import WatchRooms
from signaling_sidecar.hub.deadlines import Deadlines
from signaling_sidecar.hub.effects import Effect, Send
from signaling_sidecar.hub.membership import Membership, Room
from signaling_sidecar.hub.messages import RoomsListed
from signaling_sidecar.hub.views import JsonText

MIN_GAP_S = 0.25  # seconds between two lists to one watcher; PROTOCOLS.md, "`rooms`"


_Only = frozenset[str] | None
"""The ids of the rooms that a watcher may know of, or None for all."""


class _Sent(NamedTuple):
    """The list that was last sent to a watcher."""

    at_s: float
    version: int
    only: _Only


@dataclass(slots=True)
class _List:
    """The list of one dialect's rooms."""

    version: int = 0
    """How often the list has changed."""
    watchers: OrderedDict[int, _Sent] = field(default_factory=OrderedDict)
    """By connection. The watcher whose list is the oldest comes first."""

    def take_due(self, now_s: float) -> dict[_Only, list[int]]:
        """Return the watchers that should be sent the list now, by the rooms that they may know of."""
        due: defaultdict[_Only, list[int]] = defaultdict(list)
        while (first := self._first_behind()) is not None and self.watchers[first].at_s + MIN_GAP_S <= now_s:
            only = self.watchers.pop(first).only
            self.watchers[first] = _Sent(now_s, self.version, only)
            due[only].append(first)
        return due

    @property
    def next_s(self) -> float | None:
        """The time at which a watcher can be sent the list, or None if each of them has the current one."""
        first = self._first_behind()
        return None if first is None else self.watchers[first].at_s + MIN_GAP_S

    def _first_behind(self) -> int | None:
        """The watchers after one whose list is current were sent theirs even later, so theirs are current too."""
        first = next(iter(self.watchers), None)
        return first if first is not None and self.watchers[first].version != self.version else None


class Lobby:
    def __init__(self, membership: Membership, deadlines: Deadlines) -> None:
        self._membership = membership
        self._deadlines = deadlines
        self._lists: defaultdict[str, _List] = defaultdict(_List)
        """By dialect."""
        self.behind: set[str] = set()
        """The dialects whose list may differ from the one that a watcher has."""
        self._wake_s: float | None = None

    def rooms(self, dialect: str, only: _Only = None, ref: JsonText = UNSET) -> RoomsListed:
        """The listed rooms of one dialect, in order of creation: all of them, or those with the ids in `only`.

        `ref` is the id of the frame that asks for them.
        """
        listed = (room for room in self._membership.rooms if room.listed and room.key.dialect == dialect)
        return RoomsListed(tuple(room.view() for room in listed if only is None or room.key.room in only), ref)

    def watch(self, watch: WatchRooms, now_s: float) -> list[Effect]:
        self.unwatch(watch.connection)
        list_ = self._lists[watch.dialect]
        list_.watchers[watch.connection] = _Sent(now_s, list_.version, watch.only)
        return [Send((watch.connection,), self.rooms(watch.dialect, watch.only, watch.ref or UNSET))]

    def watchers(self) -> Iterator[int]:
        """The connections that watch the list of rooms."""
        for list_ in self._lists.values():
            yield from list_.watchers

    def unwatch(self, connection: int) -> list[Effect]:
        for list_ in self._lists.values():
            list_.watchers.pop(connection, None)
        return []

    def mark_changed(self, room: Room) -> None:
        """Remember that the room's entry in the list has changed, so that `send_due` sends the list again."""
        if room.listed:
            self.mark_all_changed(room.key.dialect)

    def mark_all_changed(self, dialect: str) -> None:
        """Remember that the list of a dialect has changed."""
        self._lists[dialect].version += 1
        self.behind.add(dialect)

    def send_due(self, now_s: float) -> list[Effect]:
        """Send the list to each watcher whose list is not current. A watcher that got a list a moment ago gets the new
        one later."""
        if not self.behind:
            return []
        done: list[Effect] = []
        for dialect in sorted(self.behind):
            for only, due in self._lists[dialect].take_due(now_s).items():
                done.append(Send(tuple(due), self.rooms(dialect, only)))
            next_s = self._lists[dialect].next_s
            if next_s is None:
                self.behind.remove(dialect)
            else:
                self._wake_at(next_s)
        return done

    def _wake_at(self, when_s: float) -> None:
        if self._wake_s is None or when_s < self._wake_s:
            self._wake_s = when_s
            self._deadlines.at(when_s, self._wake)

    def _wake(self, now_s: float) -> list[Effect]:
        self._wake_s = None
        return self.send_due(now_s)
