"""The ladder: one room, or two of its peers, as a sequence diagram."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from copy import copy
from datetime import UTC, datetime
from typing import NamedTuple

from signaling_sidecar.counted import counted
from signaling_sidecar.diagnosis import Entry, find_meetings
from signaling_sidecar.diagnosis.peer_labels import PeerLabels
from signaling_sidecar.drawing.ladder.between import records_between
from signaling_sidecar.drawing.ladder.draw_steps import draw_steps
from signaling_sidecar.drawing.ladder.fold_steps import fold_steps
from signaling_sidecar.drawing.ladder.payload_text import payload_text
from signaling_sidecar.drawing.ladder.steps import Look, Run
from signaling_sidecar.drawing.ladder.to_html import ROW_PX, ladder_head, ladder_html, ladder_row, ladder_width_px
from signaling_sidecar.drawing.ladder.to_mermaid import ladder_mermaid
from signaling_sidecar.drawing.ladder.to_text import ladder_text, step_in_words
from signaling_sidecar.untrusted_text import visible


class Payload(NamedTuple):
    """The payload of one row's record, with control characters made visible. It is not escaped for HTML."""

    seq: int
    title: str
    about: str
    text: str


class Row(NamedTuple):
    """One row of a ladder by itself, for a page that shows only some of the rows at a time."""

    row: int
    seq: int
    kind: Look
    text: str
    """The row in words, for a screen reader. Control characters are made visible, and nothing is escaped for HTML."""
    html: str
    """One `<svg>` element."""


class Ladder:
    """A sequence diagram with a column for each peer, and a row for each signal, join, leave and connection change.

    `str` draws it in characters. Equal signals that follow each other, such as heartbeats, share one row, unless `fold`
    is false.
    """

    def __init__(
        self,
        title: str,
        records: Iterable[Entry],
        *,
        fold: bool = True,
        between: tuple[str, str] | None = None,
        labels: PeerLabels | None = None,
        kinds: Collection[str] = (),
    ) -> None:
        """Draw the records of one room and one boot, in their order.

        `between` selects two sessions of the room, and `kinds` selects rows by the values of `Look`. `labels` has the
        labels that a diagnosis of the whole log gives to the peers of the room. Without `labels`, the labels come from
        a diagnosis of the given records.
        """
        records = list(records)
        self.labels = labels = labels or next(iter(find_meetings(records).labels.values()), PeerLabels())
        if between is not None:
            peers = {record.session: record.peer for record in records if record.peer is not None}
            title = f"{title} · {' and '.join(labels.of(peers.get(session) or session) for session in between)}"
            records = list(records_between(records, *between))
        self.columns, steps = draw_steps(records, labels)
        if kinds:
            steps = [step for step in steps if step.look in kinds]
        self.steps = list(fold_steps(steps)) if fold else steps
        # Steps that are folded now are included: a reader may have selected such a step while it had a row of its own.
        self._by_seq = {step.seq: step for step in (*steps, *self.steps)}
        began = f" · {self.steps[0].time:%Y-%m-%d}, times in UTC" if self.steps else ""
        self.title = title + began

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"Ladder({self.title!r}: {counted(len(self.columns), 'peer')}, {counted(len(self.steps), 'step')})"

    def to_text(self, width: int | None = None, *, colour: bool = False) -> str:
        """Return the ladder as text with lines of at most `width` cells. `colour` adds the escape codes of a
        terminal."""
        return ladder_text(self.title, self.columns, self.steps, width, colour=colour)

    def to_html(self) -> str:
        """Return the ladder as one HTML element with inline SVG, which loads nothing and suits light and dark
        pages."""
        return ladder_html(self.title, self.columns, self.steps)

    _repr_html_ = to_html

    @property
    def row_px(self) -> int:
        """The height of each row that `rows` returns."""
        return ROW_PX

    @property
    def width_px(self) -> int:
        return ladder_width_px(self.columns)

    def head(self) -> str:
        """Return the names above the columns, as one `<svg>` element."""
        return ladder_head(self.columns, self.steps)

    def rows(self, start: int, count: int) -> Sequence[Row]:
        """Return at most `count` rows from the row with the index `start` on."""
        return [
            Row(
                row,
                step.seq,
                step.look,
                step_in_words(step, self.columns),
                ladder_row(row, step, self.steps[0], self.columns),
            )
            for row, step in enumerate(self.steps[start : start + count], start)
        ]

    def row_of(self, seq: int) -> int:
        """Return the index of the row that shows the record with this `seq`. If no row shows it, return the index of
        the last row before it."""
        return max(bisect_right(self.steps, seq, key=lambda step: step.seq) - 1, 0)

    def last(self, count: int) -> Ladder:
        """Return a ladder with the last `count` rows. The title of this ladder contains the number of all rows."""
        if len(self.steps) <= count:
            return self
        shown = copy(self)
        shown.steps = self.steps[-count:]
        shown.title = f"{self.title} · the last {count} of {len(self.steps)} rows"
        return shown

    def to_mermaid(self) -> str:
        """Return the ladder as a Mermaid sequence diagram, for an issue or a document."""
        return ladder_mermaid(self.columns, self.steps)

    def payload(self, seq: int) -> Payload | None:
        """Return the payload of the row with this `seq`, or None if there is no such row."""
        step = self._by_seq.get(seq)
        if step is None:
            return None
        payload = payload_of(step.record, step.run)
        return payload._replace(title=visible(step.label))


def payload_of(record: Entry, run: Run | None = None) -> Payload:
    """Return the payload of a record, even if no ladder has a row for it."""
    return Payload(
        record.seq, visible(record.kind or record.type), visible(_about(record, run)), payload_text(record.data)
    )


def _about(record: Entry, run: Run | None) -> str:
    facts = (
        f"the first of {run.length}, seq {record.seq} to {run.last.seq}" if run else f"seq {record.seq}",
        f"{datetime.fromtimestamp(record.ts, UTC):%H:%M:%S.%f} UTC",
        record.type,
        f"kind {record.kind}" if record.kind is not None else None,
        f"{record.bytes:,} B" if record.bytes is not None else None,
    )
    return " · ".join(filter(None, facts))
