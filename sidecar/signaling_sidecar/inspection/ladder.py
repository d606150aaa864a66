"""The ladder: one room as a sequence diagram, in a notebook, in a terminal, and as Mermaid."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from signaling_sidecar.inspection.ladder_html import ladder_html
from signaling_sidecar.inspection.ladder_mermaid import ladder_mermaid
from signaling_sidecar.inspection.ladder_text import ladder_text
from signaling_sidecar.inspection.steps import Record, draw_steps


class Ladder:
    """A sequence diagram of one room: a column per peer, a row per signal, join, leave and absence.

    A notebook shows the drawing, `print` the same in characters. Nothing in either needs the network or a script.
    """

    def __init__(self, title: str, records: Iterable[Record]) -> None:
        self.columns, self.steps = draw_steps(records)
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

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self.to_html()}
