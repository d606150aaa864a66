"""Limits the records about refused tokens, so that a flood of bad tokens does not fill the event log."""

from __future__ import annotations

from typing import NamedTuple

MISSING, TOO_MANY = "missing", "too-many"
"""Two reasons, other than an invalid token, to refuse a client: it has sent no token, or too many tokens."""
RECORDS = 20  # records that may be written at once; after that, the limit is `RECORDS_PER_S`
RECORDS_PER_S = 1.0


class Failure(NamedTuple):
    """One client that was refused, or several clients that were refused for the same reason. `address` and `connection`
    are those of the client that was refused last."""

    why: str
    """A value of `Why`, `MISSING` or `TOO_MANY`."""
    address: str | None
    connection: int | None
    times: int = 1
    """How many clients, with any addresses, were refused for this reason since the last record with this reason."""


class Failures:
    """Decides which failures are recorded, and when. `now_s` must never decrease."""

    def __init__(self) -> None:
        self._budget = float(RECORDS)
        self._seen_s = 0.0
        self._waiting: dict[str, Failure] = {}
        """By reason: the last failure. Its `times` counts all failures for this reason that were not recorded yet.
        There are few reasons."""

    def add(self, failure: Failure, now_s: float) -> list[Failure]:
        """Count a failure. Returns the failures to record now."""
        before = self._waiting.pop(failure.why, None)
        self._waiting[failure.why] = failure._replace(times=failure.times + (before.times if before else 0))
        return self.due(now_s)

    def due(self, now_s: float) -> list[Failure]:
        """Return the failures to record now. Must be called regularly, because `add` does not return a failure that
        exceeds the limit."""
        if not self._waiting:
            return []
        self._budget = min(RECORDS, self._budget + (now_s - self._seen_s) * RECORDS_PER_S)
        self._seen_s = now_s
        found = []
        while self._waiting and self._budget >= 1:
            self._budget -= 1
            found.append(self._waiting.pop(next(iter(self._waiting))))
        return found

    def rest(self) -> list[Failure]:
        """Return all failures that were not recorded yet. Must be called when the sidecar stops."""
        found = list(self._waiting.values())
        self._waiting.clear()
        return found
