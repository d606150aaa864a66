"""The timeline: when each peer was in a room."""

from __future__ import annotations

from datetime import UTC, datetime

from signaling_sidecar.drawing.timeline.attendance import Attendance
from signaling_sidecar.drawing.timeline.to_html import timeline_drawing, timeline_html
from signaling_sidecar.drawing.timeline.to_text import timeline_text


class Timeline:
    """A row for each session of one room, with its absences, reconnects and page reloads, and the sidecar's restarts.

    A notebook shows the drawing, and `print` shows the same with characters. Neither needs the network or a script.
    """

    def __init__(self, title: str, attendance: Attendance) -> None:
        began = datetime.fromtimestamp(attendance.began_ts, UTC)
        self.title = f"{title} · from {began:%Y-%m-%d %H:%M:%S.%f}"[:-3] + " UTC"
        self.attendance = attendance

    def __str__(self) -> str:
        return timeline_text(self.title, self.attendance)

    __repr__ = __str__

    def to_html(self) -> str:
        """Return the timeline as one HTML element with inline SVG, which loads nothing and suits light and dark
        pages."""
        return timeline_html(self.title, self.attendance)

    def drawing(self) -> str:
        """Return the bars and their legend as HTML, for a page that has a title and scrolls."""
        return timeline_drawing(self.attendance)

    _repr_html_ = to_html
