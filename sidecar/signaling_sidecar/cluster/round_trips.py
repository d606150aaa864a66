"""Measures how long Redis takes to answer, for `/metrics`."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

# The upper bounds of the histogram, in seconds. An idle Redis on the same machine answers in 0.2 ms.
# If Redis takes longer than the last bound, instances may not renew their leases in time.
BOUNDS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0)


class RoundTrips:
    """A histogram of the times that Redis takes to answer. `add` must be called for each answer."""

    def __init__(self) -> None:
        self.sum_s = 0.0
        self.answered_s: float | None = None
        """The time of the last answer, by the clock of the caller, or None if Redis has never answered."""
        self._counts = [0] * (len(BOUNDS_S) + 1)

    def add(self, began_s: float, now_s: float) -> None:
        took_s = now_s - began_s
        self.answered_s = now_s
        self.sum_s += took_s
        self._counts[bisect_left(BOUNDS_S, took_s)] += 1

    def buckets(self) -> Iterator[tuple[str, int]]:
        """Return each upper bound, in the text form of Prometheus, and the number of answers within this bound."""
        bounds = [*map(str, BOUNDS_S), "+Inf"]
        return zip(bounds, accumulate(self._counts), strict=True)
