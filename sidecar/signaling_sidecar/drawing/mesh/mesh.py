"""The mesh: who is connected to whom in a room, at any moment of a log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from numbers import Real

from signaling_sidecar.diagnosis import Entry, find_meetings, judge
from signaling_sidecar.drawing.elapsed import since_start
from signaling_sidecar.drawing.mesh.links import Links, link_up
from signaling_sidecar.drawing.mesh.to_html import mesh_drawing, mesh_html
from signaling_sidecar.drawing.mesh.to_text import mesh_text
from signaling_sidecar.drawing.rooms import RoomRuns
from signaling_sidecar.drawing.timeline.attendance import Attendance


class Mesh:
    """The peers of a room at one moment, and for each pair of peers whether they are connected.

    A notebook shows the drawing, and `print` shows a matrix. Neither needs the network or a script.
    """

    def __init__(self, title: str, links: Links) -> None:
        self.title, self.links = title, links

    def __str__(self) -> str:
        return mesh_text(self.title, self.links)

    __repr__ = __str__

    def to_html(self) -> str:
        """Return the mesh as one HTML element with inline SVG, which loads nothing and suits light and dark
        pages."""
        return mesh_html(self.title, self.links)

    def drawing(self) -> str:
        """Return the peers, the lines and their legend as HTML, for a page that has a title and lists the verdicts."""
        return mesh_drawing(self.links)

    _repr_html_ = to_html


class RoomMeshes:
    """The meshes of one room at all moments.

    `entries` are the entries of the room, and the browser reports and checkpoints that name no room.
    """

    def __init__(self, chosen: RoomRuns, attendance: Attendance, entries: Sequence[Entry]) -> None:
        self._chosen, self.attendance, self._entries = chosen, attendance, entries

    def at(self, at: float | timedelta | datetime | None) -> Mesh:
        """Return the mesh at a moment: a time (in UTC if it has no zone), or a timedelta or number of seconds since
        the first record of the room.

        None selects the end of the log.
        """
        ts, when = self._moment(at)
        # The dump of a browser may be longer than the log.
        entries = [entry for entry in self._entries if at is None or entry.ts <= ts]
        found = find_meetings(entries)
        # A peer may get its last name after this moment. Its node has that name, as in the other drawings.
        labels = {row.session: row.label for row in self.attendance.rows}
        for session in (each for meeting in found.meetings for each in meeting.sessions):
            session.label = labels.get(session.id, session.label)
        links = link_up(self.attendance, judge(found, ts, self._chosen.room).verdicts, ts)
        title = f"{self._chosen.title} · at {since_start(links.since_s)}, {when:%Y-%m-%d %H:%M:%S.%f}"[:-3] + " UTC"
        return Mesh(title, links)

    def _moment(self, at: float | timedelta | datetime | None) -> tuple[float, datetime]:
        try:
            ts = self._ts(at)
            return ts, datetime.fromtimestamp(ts, UTC)
        except (ValueError, OverflowError, OSError):  # NaN, pandas' NaT, or a year before 1 or after 9999
            raise ValueError(f"`at` must be a moment of the years 1 to 9999, not {at!r}") from None

    def _ts(self, at: float | timedelta | datetime | None) -> float:
        match at:
            case None:
                return self.attendance.ended_ts
            case datetime():
                return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
            case timedelta():
                return self.attendance.began_ts + at.total_seconds()
            case Real():
                return self.attendance.began_ts + float(at)
            case _:
                raise TypeError(f"`at` must be a number of seconds, a timedelta or a datetime, not {type(at).__name__}")
