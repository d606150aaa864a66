"""What a ladder is made of: columns (peers) and steps (records of one room), each with how its room stood after it.

No pandas, no medium. All text here is as peers and the log wrote it; who draws it makes it visible and escapes it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from signaling_sidecar.diagnosis import Entry
from signaling_sidecar.drawing.presence import Presence

LEAST_PERIOD_S = 0.01  # shorter: a burst, such as the candidates of one description, and no period


class Look(StrEnum):
    """How a step is drawn: an arrow, a mark on one peer's line, or a line across all."""

    OFFER = "offer"
    ANSWER = "answer"
    CANDIDATE = "candidate"
    OTHER = "other"
    REFUSED = "refused"
    JOINED = "joined"
    AWAY = "away"
    BACK = "back"
    LEFT = "left"
    UPDATED = "updated"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    FAILED = "failed"
    NOTE = "note"


class Column(NamedTuple):
    """A peer, under the last name it had."""

    peer: str
    name: str | None


class Run(NamedTuple):
    """Steps that are alike and came one soon after the other, the first of them included."""

    length: int
    last: Entry

    def label(self, first: Entry) -> str:
        times = f"×{self.length}"
        every_s = (self.last.ts - first.ts) / (self.length - 1)
        if every_s < LEAST_PERIOD_S:
            return times
        return f"{times}, every " + (f"{every_s:.1f} s" if every_s >= 1 else f"{every_s * 1000:.0f} ms")


class Step(NamedTuple):
    """One row of the ladder."""

    record: Entry
    """What it draws; of a run the first."""
    look: Look
    column: int | None
    """Of the peer that it is about; None: it is about the room, or somebody who never was in it."""
    to: tuple[int, ...]
    """Columns of those it went to."""
    what: str
    size_bytes: int | None
    """Of what was sent, where that is worth a word."""
    detail: str
    presence: tuple[Presence, ...]
    """Of every column, after this step."""
    run: Run | None = None
    """None: it stands for itself."""

    @property
    def seq(self) -> int:
        return self.record.seq

    @property
    def time(self) -> datetime:
        return datetime.fromtimestamp(self.record.ts, UTC)

    @property
    def label(self) -> str:
        if self.run is not None:
            return f"{self.what} {self.run.label(self.record)}"
        return self.what if self.size_bytes is None else f"{self.what} · {_size(self.size_bytes)}"


def _size(count: int) -> str:
    return f"{count} B" if count < 1000 else f"{count / 1000:.1f} kB"
