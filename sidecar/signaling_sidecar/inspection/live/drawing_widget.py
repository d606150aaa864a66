"""The widget that shows drawings in a notebook, and below a ladder the payload of the selected row."""

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
    """Shows `html` in a box of widgets, or adds payloads to a drawing that the page already has (see `around`).

    Only the payload of the selected row is sent to the page.
    """

    _esm = Path(__file__).with_suffix(".js")
    _css = Path(__file__).with_suffix(".css")

    drawing = traitlets.Unicode(help="the value of `data-signaling-drawing` in the page").tag(sync=True)
    html = traitlets.Unicode(help="made in Python, with all untrusted text escaped").tag(sync=True)
    selected = traitlets.Int(None, allow_none=True, help="`seq` of the selected row, set by the page").tag(sync=True)
    payload = traitlets.Dict(help="`Payload` of the selected row; empty if no row is selected").tag(sync=True)

    def __init__(self, ladder: Ladder | None = None) -> None:
        super().__init__(drawing=uuid4().hex)
        self._ladder = ladder

    def show(self, ladder: Ladder | None, html: str | None = None) -> None:
        """Show a ladder. If the last ladder was of the same room, the selected row is kept. `html` is a drawing of the
        ladder that the caller has already made, for example of its last rows."""
        is_other = ladder is None or self._ladder is None or ladder.title != self._ladder.title
        with self.hold_sync():
            self._ladder = ladder
            self.html = html or ("" if ladder is None else ladder.to_html())
            if is_other:
                self.selected = None
            self._tell()

    def around(self, html: str) -> str:
        """Wrap a drawing into the element by which this widget finds it in the page."""
        return f'<div data-signaling-drawing="{self.drawing}">{html}</div>'

    @traitlets.observe("selected")
    def _chosen(self, change: Any) -> None:
        self._tell()

    def _tell(self) -> None:
        found = None if self._ladder is None or self.selected is None else self._ladder.payload(self.selected)
        self.payload = {} if found is None else found._asdict()
