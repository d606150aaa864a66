"""Defines the parts of a ladder: a column for each peer, and a step for each record that the ladder shows.

Their text is untrusted: it is exactly what the peers have sent. Code that draws a step must make control characters
visible and escape the text.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from signaling_sidecar.diagnosis import Entry
from signaling_sidecar.drawing.presence import Presence

LEAST_PERIOD_S = 0.01  # seconds; the period of equal steps that follow each other faster (a burst) is not shown


class Look(StrEnum):
    """How a step is drawn: as an arrow, as a mark on the line of one peer, or as a line across all columns."""

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
    """The column of a peer, with the most recent name of the peer."""

    peer: str
    name: str | None


class Run(NamedTuple):
    """Equal consecutive steps, which share one row. `length` is their number."""

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
    """The record that the step shows. For a run it is the first record."""
    look: Look
    column: int | None
    """The column of the peer that the step is about, or None if it is about the room, or about a peer that was never in
    the room."""
    to: tuple[int, ...]
    """The columns of the peers that a frame was for."""
    what: str
    size_bytes: int | None
    """The size of the frame, or None if the ladder does not show it."""
    detail: str
    presence: tuple[Presence, ...]
    """For each column, the presence of its peer after this step."""
    run: Run | None = None
    """The run of equal steps that this step replaces, or None if this is a single step."""

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
