"""The ladder in a notebook: a click on a row shows the payload of its record."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from signaling_sidecar import drawing
from signaling_sidecar.inspection.notebook_extra import NotebookExtraMissing

if TYPE_CHECKING:
    from signaling_sidecar.inspection.live.drawing_widget import DrawingWidget


class Ladder(drawing.Ladder):
    """A sequence diagram with a column for each peer, and a row for each signal, join, leave and connection change.

    A notebook shows the drawing, and `print` shows it as text. A saved drawing needs neither the network nor a running
    kernel. While the kernel of the notebook runs, a click on a row (or the arrow keys and Enter) shows its payload.
    Equal signals that follow each other, such as heartbeats, share one row, unless `fold` is false.
    """

    @cached_property
    def _widget(self) -> DrawingWidget | None:
        """The widget that answers clicks, or None if its packages are missing. Without the widget, the drawing is still
        shown."""
        try:
            from signaling_sidecar.inspection.live.drawing_widget import DrawingWidget
        except NotebookExtraMissing:
            return None
        return DrawingWidget(self)

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for a copy or a pickle, which cannot contain the widget of a ladder that was shown."""
        return {name: value for name, value in self.__dict__.items() if name != "_widget"}

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        # The widget's own view is not in the bundle: without a kernel JupyterLab would show "model not found" for it.
        html = self.to_html()
        return {"text/plain": str(self), "text/html": self._widget.around(html) if self._widget else html}
