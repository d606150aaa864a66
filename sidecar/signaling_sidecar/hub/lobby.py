"""Tracks the watchers, which are the connections that subscribe to the list of rooms, and sends them the list when it
has changed."""

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

MIN_GAP_S = 0.25  # the list is sent to a watcher at most once in this number of seconds; PROTOCOLS.md, "`rooms`"


_Only = frozenset[str] | None
"""The ids of the rooms that a watcher's access token permits, or None for all rooms."""


class _Sent(NamedTuple):
    """Which list was sent to a watcher last, and when."""

    at_s: float
    version: int
    only: _Only


@dataclass(slots=True)
class _List:
    """The list of one dialect's rooms, and its watchers."""

    version: int = 0
    """How many times the list has changed."""
    watchers: OrderedDict[int, _Sent] = field(default_factory=OrderedDict)
    """By connection. The watcher to which the list was sent longest ago comes first."""

    def take_due(self, now_s: float) -> dict[_Only, list[int]]:
        """Return the watchers that must be sent the list now, grouped by the rooms that they may see."""
        due: defaultdict[_Only, list[int]] = defaultdict(list)
        while (first := self._first_behind()) is not None and self.watchers[first].at_s + MIN_GAP_S <= now_s:
            only = self.watchers.pop(first).only
            self.watchers[first] = _Sent(now_s, self.version, only)
            due[only].append(first)
        return due

    @property
    def next_s(self) -> float | None:
        """The time at which the list must be sent to the next watcher, or None if all have the current list."""
        first = self._first_behind()
        return None if first is None else self.watchers[first].at_s + MIN_GAP_S

    def _first_behind(self) -> int | None:
        """Return the first watcher if its list is outdated. If the list of the first watcher is current, the lists of
        all others are current too, because they were sent later."""
        first = next(iter(self.watchers), None)
        return first if first is not None and self.watchers[first].version != self.version else None


class Lobby:
    def __init__(self, membership: Membership, deadlines: Deadlines) -> None:
        self._membership = membership
        self._deadlines = deadlines
        self._lists: defaultdict[str, _List] = defaultdict(_List)
        """By dialect."""
        self.behind: set[str] = set()
        """The dialects whose list has changed and may not have been sent to all watchers yet."""
        self._wake_s: float | None = None

    def rooms(self, dialect: str, only: _Only = None, ref: JsonText = UNSET) -> RoomsListed:
        """Return the listed rooms of one dialect in order of creation: all of them, or those with an id in `only`.

        `ref` is the id of the frame that asks for the list.
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
        """Must be called when the entry of a room in the list has changed, so that `send_due` sends the list again."""
        if room.listed:
            self.mark_all_changed(room.key.dialect)

    def mark_all_changed(self, dialect: str) -> None:
        """Must be called when the list of a dialect has changed in any way."""
        self._lists[dialect].version += 1
        self.behind.add(dialect)

    def send_due(self, now_s: float) -> list[Effect]:
        """Send the list to each watcher whose list is outdated. If a watcher got a list less than `MIN_GAP_S` ago, a
        deadline is set, at which the new list is sent."""
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
