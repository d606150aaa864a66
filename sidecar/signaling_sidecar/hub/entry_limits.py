"""How often rooms may be tried, where a room's name is all that keeps strangers out."""

from __future__ import annotations

from collections import deque

from signaling_sidecar.hub.rules import EntryLimit

WINDOW_S = 60.0  # seconds; the limits are per minute
PATIENCE = 3  # refusals for being over the limit, after which a connection is ended (PROTOCOLS.md, pairing)


class EntryLimits:
    """The attempts of the last minute. One that is refused here is not counted again."""

    def __init__(self, limit: EntryLimit) -> None:
        self.limit = limit
        self._all_s: deque[float] = deque()
        self._by_connection: dict[int, deque[float]] = {}
        self._refused: dict[int, int] = {}

    def admits(self, connection: int, now_s: float) -> bool:
        own_s = self._by_connection.setdefault(connection, deque())
        for times_s in (own_s, self._all_s):
            while times_s and times_s[0] <= now_s - WINDOW_S:
                times_s.popleft()
        if len(own_s) >= self.limit.per_connection or len(self._all_s) >= self.limit.in_all:
            self._refused[connection] = self._refused.get(connection, 0) + 1
            return False
        own_s.append(now_s)
        self._all_s.append(now_s)
        return True

    def is_exhausted(self, connection: int) -> bool:
        return self._refused.get(connection, 0) >= PATIENCE

    def forget(self, connection: int) -> None:
        """The connection is gone."""
        self._by_connection.pop(connection, None)
        self._refused.pop(connection, None)
