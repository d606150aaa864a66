"""Limits how often clients may try to enter rooms, in dialects whose rooms are protected only by their secret names.

Without a limit, an attacker could guess names until one of them is the name of a room. With one limit for all clients
together, an attacker could use up all tries, and nobody else could enter. Therefore tries are counted by IP address.
Many clients may share an address, for example behind a proxy, and they then share its limit too. So the first tries of
each connection, which are enough for most people, have a separate, higher limit.

Each try is written to the log, so that the counts remain when the hub is restored in another process.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from signaling_sidecar.hub.effects import Effect, Record
from signaling_sidecar.hub.records import present
from signaling_sidecar.hub.rules import EntryLimit, RoomRules

WINDOW_S = 60.0  # seconds; the limits are per minute
PATIENCE = 3  # after this many refused tries, the connection is closed (PROTOCOLS.md, "`pairing`")
FIRST_TRIES = 3  # the number of tries of a connection that count as its first tries; a user may mistype a code twice
FIRST_FACTOR = 10  # for the first tries, the limit per address is multiplied by this factor


class Try(NamedTuple):
    """A try to enter a room that was within the limits."""

    at_s: float
    connection: int
    address: str | None
    """The IP address, or None when it is unknown."""
    is_first: bool
    """Whether the try is one of the first `FIRST_TRIES` tries of its connection."""


class EntryLimits:
    """Counts the tries of the last minute in one dialect. A refused try is not counted, so it does not prolong the time
    that a client must wait."""

    def __init__(self, limit: EntryLimit) -> None:
        self.limit = limit
        self.recent: deque[Try] = deque()
        self._refused: dict[int, int] = {}
        """By connection, how many of its tries were refused. A restored hub counts these from 0 again."""
        self._by_bucket: Counter[tuple[str | None, bool]] = Counter()
        """The number of tries in `recent`, by address and `is_first`."""
        self._by_connection: dict[int, deque[float]] = {}

    def admits(self, connection: int, address: str | None, now_s: float) -> bool:
        """Count a try if it is within the limits. Returns whether it is."""
        self._drop_old(now_s)
        of_connection = len(self._of(connection, now_s))
        is_first = of_connection < FIRST_TRIES
        most = self.limit.per_address * (FIRST_FACTOR if is_first else 1)
        if of_connection >= self.limit.per_connection or self._by_bucket[address, is_first] >= most:
            self._refused[connection] = self._refused.get(connection, 0) + 1
            return False
        self.count(Try(now_s, connection, address, is_first))
        return True

    def count(self, each: Try) -> None:
        self._by_connection.setdefault(each.connection, deque()).append(each.at_s)
        self.recent.append(each)
        self._by_bucket[each.address, each.is_first] += 1

    def count_again(self, connection: int, address: str | None, at_s: float) -> None:
        """Count a try from the log again. Tries must be given in order of time."""
        self._drop_old(at_s)
        self.count(Try(at_s, connection, address, len(self._of(connection, at_s)) < FIRST_TRIES))

    def is_exhausted(self, connection: int) -> bool:
        """Whether so many tries of the connection were refused that it should be closed."""
        return self._refused.get(connection, 0) >= PATIENCE

    def convert_times(self, converted: Callable[[float], float]) -> None:
        """Convert the times of all tries to another clock. Later calls must use times of that clock."""
        self.recent = deque(each._replace(at_s=converted(each.at_s)) for each in self.recent)
        self._by_connection = {
            connection: deque(map(converted, own_s)) for connection, own_s in self._by_connection.items()
        }

    @property
    def connections(self) -> set[int]:
        """The connections whose tries are counted."""
        return set(self._by_connection)

    def forget(self, connection: int) -> None:
        """Forget a connection that has ended. Its tries are still counted for its IP address."""
        self._by_connection.pop(connection, None)
        self._refused.pop(connection, None)

    def _of(self, connection: int, now_s: float) -> deque[float]:
        """Return the times of the tries of a connection within the last minute."""
        own_s = self._by_connection.setdefault(connection, deque())
        while own_s and own_s[0] <= now_s - WINDOW_S:
            own_s.popleft()
        return own_s

    def _drop_old(self, now_s: float) -> None:
        while self.recent and self.recent[0].at_s <= now_s - WINDOW_S:
            old = self.recent.popleft()
            bucket = old.address, old.is_first
            self._by_bucket[bucket] -= 1
            if not self._by_bucket[bucket]:
                del self._by_bucket[bucket]


class LimitedDialects:
    """The entry limits of all dialects that limit the tries to enter rooms."""

    def __init__(self, rules: Mapping[str, RoomRules]) -> None:
        self._limits = {
            dialect: EntryLimits(its_rules.entry.limit) for dialect, its_rules in rules.items() if its_rules.entry.limit
        }
        self.untold: list[Effect] = []
        """The records of tries that were not written to the log yet."""

    def __iter__(self) -> Iterator[tuple[str, EntryLimits]]:
        return iter(self._limits.items())

    def get(self, dialect: str) -> EntryLimits | None:
        return self._limits.get(dialect)

    def admits(self, dialect: str, connection: int, address: str | None, now_s: float) -> bool:
        """Count a try and create its record, if the try is within the limits of its dialect. Returns whether it is."""
        limits = self._limits.get(dialect)
        if limits is None:
            return True
        if not limits.admits(connection, address, now_s):
            return False
        self.untold.append(Record("entry.tried", dialect, connection=connection, data=present(remote=address)))
        return True

    def take_untold(self) -> list[Effect]:
        """Return the records in `untold`, which the caller must write now, and empty the list."""
        untold, self.untold = self.untold, []
        return untold

    def is_exhausted(self, connection: int) -> bool:
        """Whether so many tries of the connection were refused that it should be closed."""
        return any(limits.is_exhausted(connection) for limits in self._limits.values())

    def use(self, rules: Mapping[str, RoomRules]) -> None:
        """Replace the limits by those in new room rules. The tries so far are still counted."""
        for dialect, limits in self._limits.items():
            limits.limit = rules[dialect].entry.limit or limits.limit

    def forget(self, connection: int) -> None:
        """Forget the tries of a connection that has ended."""
        for limits in self._limits.values():
            limits.forget(connection)
