"""The timeline: who was in a room when, in a notebook and in a terminal."""

from __future__ import annotations

from datetime import UTC, datetime

from signaling_sidecar.inspection.attendance import Attendance
from signaling_sidecar.inspection.timeline_html import timeline_html
from signaling_sidecar.inspection.timeline_text import timeline_text


class Timeline:
    """A row per session of one room: here, away, gone; reconnects, page reloads, and restarts of the sidecar.

    A notebook shows the drawing, `print` the same in characters. Nothing in either needs the network or a script.
    """

    def __init__(self, title: str, attendance: Attendance) -> None:
        began = datetime.fromtimestamp(attendance.began_ts, UTC)
        self.title = f"{title} · from {began:%Y-%m-%d %H:%M:%S.%f}"[:-3] + " UTC"
        self.attendance = attendance

    def __str__(self) -> str:
        return timeline_text(self.title, self.attendance)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return timeline_html(self.title, self.attendance)
