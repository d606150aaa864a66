"""The ladder: one room, or two of its peers, as a sequence diagram, in a notebook, in a terminal, and as Mermaid."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from signaling_sidecar.diagnosis.peer_labels import PeerLabels
from signaling_sidecar.inspection.draw_steps import draw_steps
from signaling_sidecar.inspection.fold_steps import fold_steps
from signaling_sidecar.inspection.ladder_html import ladder_html
from signaling_sidecar.inspection.ladder_mermaid import ladder_mermaid
from signaling_sidecar.inspection.ladder_text import ladder_text
from signaling_sidecar.inspection.notebook_extra import NotebookExtraMissing
from signaling_sidecar.inspection.payload_text import payload_text
from signaling_sidecar.inspection.steps import Record, Step
from signaling_sidecar.untrusted_text import visible

if TYPE_CHECKING:
    from signaling_sidecar.inspection.drawing_widget import DrawingWidget


class Payload(NamedTuple):
    """What is shown of the record of one row: visible text, not escaped for any medium."""

    seq: int
    title: str
    about: str
    text: str


class Ladder:
    """A sequence diagram: a column per peer, a row per signal, per coming and going, and per change of a connection.

    A notebook shows the drawing, `print` the same in characters. Neither needs the network or a running kernel; while
    the kernel of a notebook runs, a click on a row (or arrows and Enter) shows its payload. Equal signals that follow
    each other, such as heartbeats, are one row, unless `fold` is false.
    """

    def __init__(
        self, title: str, records: Iterable[Record], *, fold: bool = True, labels: PeerLabels | None = None
    ) -> None:
        self.columns, steps = draw_steps(records, labels)
        self.steps = list(fold_steps(steps)) if fold else steps
        # Also those that are folded away: one may have been chosen before there were enough of them.
        self._by_seq = {step.seq: step for step in (*steps, *self.steps)}
        began = f" · {self.steps[0].time:%Y-%m-%d}, times in UTC" if self.steps else ""
        self.title = title + began

    def __str__(self) -> str:
        return ladder_text(self.title, self.columns, self.steps)

    def __repr__(self) -> str:
        return f"Ladder({self.title!r}: {len(self.columns)} peers, {len(self.steps)} steps)"

    def to_html(self) -> str:
        """Draw it as HTML with inline SVG: one self-contained element, for light and dark pages."""
        return ladder_html(self.title, self.columns, self.steps)

    def to_mermaid(self) -> str:
        """Write it as a Mermaid sequence diagram, for an issue or a document."""
        return ladder_mermaid(self.columns, self.steps)

    def payload(self, seq: int) -> Payload | None:
        """What the record of a row holds, in lines; None: there is no row of this `seq`."""
        step = self._by_seq.get(seq)
        if step is None:
            return None
        return Payload(seq, visible(step.label), visible(_about(step)), payload_text(step.record.data))

    @cached_property
    def _widget(self) -> DrawingWidget | None:
        """None without the packages for it: the drawing itself needs none."""
        try:
            from signaling_sidecar.inspection.drawing_widget import DrawingWidget
        except NotebookExtraMissing:
            return None
        return DrawingWidget(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        # Not the view of a widget: of a saved notebook JupyterLab would show "model not found" in its place.
        drawing = self.to_html()
        return {"text/plain": str(self), "text/html": self._widget.around(drawing) if self._widget else drawing}


def _about(step: Step) -> str:
    record = step.record
    facts = (
        f"the first of {step.run.length}, seq {step.seq} to {step.run.last.seq}" if step.run else f"seq {step.seq}",
        f"{step.time:%H:%M:%S.%f} UTC",
        record.type,
        f"kind {record.kind}" if record.kind is not None else None,
        f"{record.bytes:,} B" if record.bytes is not None else None,
    )
    return " · ".join(filter(None, facts))
