"""The mesh: who is connected to whom in a room, at any moment of a log."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd

from signaling_sidecar.diagnosis import diagnose
from signaling_sidecar.inspection.links import Links, link_up
from signaling_sidecar.inspection.mesh_html import mesh_html
from signaling_sidecar.inspection.mesh_text import mesh_text
from signaling_sidecar.inspection.pairs import entries_of
from signaling_sidecar.inspection.room_choice import RoomRuns, room_attendance


class Mesh:
    """A room's peers at one moment, and for every two whether they are connected.

    A notebook shows the drawing, `print` a matrix. Nothing in either needs the network or a script.
    """

    def __init__(self, title: str, links: Links) -> None:
        self.title, self.links = title, links

    def __str__(self) -> str:
        return mesh_text(self.title, self.links)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return mesh_html(self.title, self.links)


class RoomMeshes:
    """The meshes of one room: the log is searched for its records once, and judged anew for each moment."""

    def __init__(self, events: pd.DataFrame, chosen: RoomRuns, read_ts: float | None) -> None:
        self._chosen = chosen
        self.attendance = room_attendance(events, chosen, read_ts)
        of_room = (events["dialect"] == chosen.dialect) & (events["room"] == chosen.room)
        # A report without a room is of a page that has not said who it is; its ICE ufrags tell.
        told = of_room | events["type"].isin(["trace.state", "log.checkpoint"])
        self._entries = entries_of(events[told & events["boot"].isin(chosen.boots)])

    def at(self, at: float | datetime | None) -> Mesh:
        """Show the room then: seconds from its first record, a time (UTC, if it names no zone), None: the log's end."""
        ts = self._ts(at)
        entries = [entry for entry in self._entries if entry.ts <= ts]
        verdicts = diagnose(entries, ts, self._chosen.room).verdicts
        links = link_up(self.attendance, verdicts, ts)
        when = datetime.fromtimestamp(ts, UTC)
        title = f"{self._chosen.title} · at +{links.since_s:.3f} s, {when:%Y-%m-%d %H:%M:%S.%f}"[:-3] + " UTC"
        return Mesh(title, links)

    def _ts(self, at: float | datetime | None) -> float:
        match at:
            case None:
                return self.attendance.ended_ts
            case datetime():
                return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
            case _:
                return self.attendance.began_ts + at
