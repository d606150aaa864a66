"""How long Redis takes to answer, for `/metrics`."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

# Upper bounds in seconds: an idle server on the same machine answers in 0.2 ms, and one that takes longer than a second
# endangers the leases.
BOUNDS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0)


class RoundTrips:
    """How long Redis takes to answer, as counters that only grow. `add` must be called for each answer."""

    def __init__(self) -> None:
        self.sum_s = 0.0
        self.answered_s: float | None = None
        """When Redis has answered last, in the time of the caller, or None if it has never answered."""
        self._counts = [0] * (len(BOUNDS_S) + 1)

    def add(self, began_s: float, now_s: float) -> None:
        took_s = now_s - began_s
        self.answered_s = now_s
        self.sum_s += took_s
        self._counts[bisect_left(BOUNDS_S, took_s)] += 1

    def buckets(self) -> Iterator[tuple[str, int]]:
        """The number of answers that took no longer than each bound, which is written as in Prometheus."""
        bounds = [*map(str, BOUNDS_S), "+Inf"]
        return zip(bounds, accumulate(self._counts), strict=True)
