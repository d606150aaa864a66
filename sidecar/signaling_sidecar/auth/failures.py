"""Which refused tokens get a record of their own in the event log, so that a flood of them does not fill it."""

from __future__ import annotations

from typing import NamedTuple

MISSING, TOO_MANY = "missing", "too-many"
"""The reasons why a client is not let in although no token was refused: it has shown none, or too many."""
RECORDS = 20  # records that may be written at once; after them, `RECORDS_PER_S`
RECORDS_PER_S = 1.0


class Failure(NamedTuple):
    """A refused token, or several of them in one."""

    why: str
    """A value of `Why`, or another word for the same purpose."""
    address: str | None
    connection: int | None
    times: int = 1
    """How many tokens were refused for this reason since the last record of it, wherever they came from."""


class Failures:
    """`now_s` must never go back."""

    def __init__(self) -> None:
        self._budget = float(RECORDS)
        self._seen_s = 0.0
        self._waiting: dict[str, Failure] = {}
        """By reason, the last failure without a record. There are few reasons."""

    def add(self, failure: Failure, now_s: float) -> list[Failure]:
        """Count a failure. Returns those to record now."""
        before = self._waiting.pop(failure.why, None)
        self._waiting[failure.why] = failure._replace(times=failure.times + (before.times if before else 0))
        return self.due(now_s)

    def due(self, now_s: float) -> list[Failure]:
        """Return the failures to record now. Must be called from time to time, since the last one may have to wait."""
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
        """Return all failures without a record. To be called when the sidecar stops."""
        found = list(self._waiting.values())
        self._waiting.clear()
        return found
