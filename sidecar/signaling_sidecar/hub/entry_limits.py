"""Entry limits: how often clients may try to enter rooms whose name is their only protection.

Without a limit, an attacker could try names until one of them is the name of a room. With one limit for all clients,
an attacker could use it up, so that nobody else gets in. Therefore tries are counted by IP address. Many clients may
share an address, as behind a proxy, so the first tries of each connection are counted apart from its later ones:
most people need no more than these.
"""

from __future__ import annotations

from collections import Counter, deque

from signaling_sidecar.hub.rules import EntryLimit

WINDOW_S = 60.0  # seconds; the limits are per minute
PATIENCE = 3  # tries over the limit, after which the connection is closed (PROTOCOLS.md, "`pairing`")
FIRST_TRIES = 3  # of a connection: enough for a code that is mistyped twice
FIRST_FACTOR = 10  # an address may have this many times as many first tries as later ones

_Bucket = tuple[str | None, bool]
"""An address, or None when it is unknown, and whether first tries are counted."""


class EntryLimits:
    """The attempts of the last minute. A refused attempt is not counted, so that a client can try again a minute
    later."""

    def __init__(self, limit: EntryLimit) -> None:
        self.limit = limit
        self._recent: deque[tuple[float, _Bucket]] = deque()
        self._by_bucket: Counter[_Bucket] = Counter()
        self._by_connection: dict[int, deque[float]] = {}
        self._refused: dict[int, int] = {}

    def admits(self, connection: int, address: str | None, now_s: float) -> bool:
        """Count a try. Returns whether the attempt is within the limits."""
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
        """Whether the connection was refused so often that it should be closed."""
        return self._refused.get(connection, 0) >= PATIENCE

    def forget(self, connection: int) -> None:
        """Forget the attempts of a connection that has ended."""
        self._by_connection.pop(connection, None)
        self._refused.pop(connection, None)

    def _drop_old(self, now_s: float) -> None:
        while self._recent and self._recent[0][0] <= now_s - WINDOW_S:
            _, bucket = self._recent.popleft()
            self._by_bucket[bucket] -= 1
            if not self._by_bucket[bucket]:
                del self._by_bucket[bucket]
