"""How often rooms may be tried, where a room's name is all that keeps strangers out.

The attack: somebody tries names until one is a room's. So tries are limited. The attack on a limit for all: somebody
uses it up, and nobody gets in any more. So what is tried from one address counts for that address only. Where many
share one, as behind a proxy, a connection's first tries count apart: they are all that most people need.
"""

from __future__ import annotations

from collections import Counter, deque

from signaling_sidecar.hub.rules import EntryLimit

WINDOW_S = 60.0  # seconds; the limits are per minute
PATIENCE = 3  # refusals for being over the limit, after which a connection is ended (PROTOCOLS.md, "`pairing`")
FIRST_TRIES = 3  # of a connection: a code, and two slips of the finger
FIRST_FACTOR = 10  # how many times as many first tries an address has as others

_Bucket = tuple[str | None, bool]
"""An address (None: not known), and whether it holds first tries."""


class EntryLimits:
    """The attempts of the last minute. One that is refused here is not counted again."""

    def __init__(self, limit: EntryLimit) -> None:
        self.limit = limit
        self._recent: deque[tuple[float, _Bucket]] = deque()
        self._by_bucket: Counter[_Bucket] = Counter()
        self._by_connection: dict[int, deque[float]] = {}
        self._refused: dict[int, int] = {}

    def admits(self, connection: int, address: str | None, now_s: float) -> bool:
        own_s = self._by_connection.setdefault(connection, deque())
        while own_s and own_s[0] <= now_s - WINDOW_S:
            own_s.popleft()
        self._drop_old(now_s)
        is_first = len(own_s) < FIRST_TRIES
        bucket = (address, is_first)
        most = self.limit.per_address * (FIRST_FACTOR if is_first else 1)
        if len(own_s) >= self.limit.per_connection or self._by_bucket[bucket] >= most:
            self._refused[connection] = self._refused.get(connection, 0) + 1
            return False
        own_s.append(now_s)
        self._recent.append((now_s, bucket))
        self._by_bucket[bucket] += 1
        return True

    def is_exhausted(self, connection: int) -> bool:
        return self._refused.get(connection, 0) >= PATIENCE

    def forget(self, connection: int) -> None:
        """The connection is gone."""
        self._by_connection.pop(connection, None)
        self._refused.pop(connection, None)

    def _drop_old(self, now_s: float) -> None:
        while self._recent and self._recent[0][0] <= now_s - WINDOW_S:
            _, bucket = self._recent.popleft()
            self._by_bucket[bucket] -= 1
            if not self._by_bucket[bucket]:
                del self._by_bucket[bucket]
