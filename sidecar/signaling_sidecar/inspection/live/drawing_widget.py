"""The one widget of the drawings: shows any of them, and of a ladder the payload of the row that is chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

from signaling_sidecar.drawing import Ladder
from signaling_sidecar.inspection.notebook_extra import notebook_extra

with notebook_extra():
    import anywidget
    import traitlets


class DrawingWidget(anywidget.AnyWidget):
    """Shows `html` in a box of widgets, or makes the rows of a drawing answer that the page has already (`around`).

    A page is not given all payloads, only the one it asks for.
    """

    _esm = Path(__file__).with_suffix(".js")
    _css = Path(__file__).with_suffix(".css")

    drawing = traitlets.Unicode(help="its `data-signaling-drawing` in the page").tag(sync=True)
    html = traitlets.Unicode(help="made here, with all foreign text escaped").tag(sync=True)
    selected = traitlets.Int(None, allow_none=True, help="`seq` of the chosen row, by the page").tag(sync=True)
    payload = traitlets.Dict(help="of the chosen row: `title about text`; empty: none").tag(sync=True)

    def __init__(self, ladder: Ladder | None = None) -> None:
        super().__init__(drawing=uuid4().hex)
        self._ladder = ladder

    def show(self, ladder: Ladder | None) -> None:
        """Draw it. The chosen row stays chosen as long as it is the same room."""
        is_other = ladder is None or self._ladder is None or ladder.title != self._ladder.title
        with self.hold_sync():
            self._ladder = ladder
            self.html = "" if ladder is None else ladder.to_html()
            if is_other:
                self.selected = None
            self._tell()

    def around(self, html: str) -> str:
        """Put a drawing of the page into the element by which this widget knows it."""
        return f'<div data-signaling-drawing="{self.drawing}">{html}</div>'

    @traitlets.observe("selected")
    def _chosen(self, change: Any) -> None:
        self._tell()

    def _tell(self) -> None:
        found = None if self._ladder is None or self.selected is None else self._ladder.payload(self.selected)
        self.payload = {} if found is None else found._asdict()
