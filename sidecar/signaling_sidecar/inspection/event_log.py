"""A log as tables and drawings. Reading is in `reader`, each table in the file of its name."""

from __future__ import annotations

import html
import time
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from signaling_sidecar.drawing import Mesh, RoomInLog, RoomMeshes, SdpDiff, Timeline, UnknownRoom
from signaling_sidecar.eventlog.records import LeftOut
from signaling_sidecar.eventlog.segments import FoundLog, find_segments
from signaling_sidecar.eventlog.state_dir import is_running
from signaling_sidecar.inspection.chosen_sdp import Chosen, find_sdp
from signaling_sidecar.inspection.dumps import Dump, JoinedDump, clocks_table, join_dump
from signaling_sidecar.inspection.live.ladder import Ladder
from signaling_sidecar.inspection.room_choice import (
    choose_room,
    choose_runs,
    mesh_entries,
    room_attendance,
    room_entries,
    rooms_of_table,
)
from signaling_sidecar.inspection.tables.log_tables import LogTables
from signaling_sidecar.inspection.tables.reader import read_events
from signaling_sidecar.untrusted_text import visible

if TYPE_CHECKING:
    from ipywidgets import VBox


def open_log(path: str | PathLike[str] | None = None) -> EventLog:
    """Read an event log as it is now; open it again to see what was written since.

    `path` is a segment (`.jsonl` or `.jsonl.gz`), a folder of segments, or a glob pattern. Without one it is the log of
    this project: of the current folder or the nearest one above it that a sidecar has run for; one printed line says
    which it took.

    What cannot be read is left out, and one more printed line says how much that is.

    Raises `NoLog` and `NoStateDir`, and `DamagedLog` or `UnknownSchema` where nothing can be read (all are
    `SidecarError`s).
    """
    found = find_segments(path)
    if found.how is not None:
        print(f"reading {found.path} ({found.how})")
    log = read_log(found)
    if log.left_out:
        print(log.left_out)
    return log


def read_log(found: FoundLog) -> EventLog:
    """Read what was found of a log, without a word."""
    is_live = is_running(Path(found.path))
    left_out = LeftOut(is_live=is_live)
    events = read_events(found.segments, left_out)
    return EventLog(found.path, found.segments, events, time.time() if is_live else None, left_out=str(left_out))


class EventLog(LogTables):
    """A log that `open_log` has read: its tables (see `LogTables`) and its drawings."""

    def __init__(
        self,
        path: str,
        segments: Sequence[Path],
        events: pd.DataFrame,
        read_ts: float | None = None,
        dumps: Sequence[JoinedDump] = (),
        left_out: str = "",
    ) -> None:
        super().__init__(events, read_ts)
        self.path = path
        """The segment, folder or pattern that was read."""
        self.segments = segments
        """The files of the log."""
        self.left_out = left_out
        """A sentence about what could not be read, or an empty string if everything was read."""
        self._dumps = dumps

    def with_dump(self, dump: Dump) -> EventLog:
        """Take what a browser recorded (`open_dump`) as its report, joined by the ICE ufrags: for `pairs`, `mesh` …

        The log that is returned has the dump's reports among its `events`, as `trace.state` of kind `dump` with the
        dump's own numbers as `seq`, at their times by the log's clock: see `clocks`. This log stays as it is.
        """
        events, joined = join_dump(self._events, dump)
        return EventLog(self.path, self.segments, events, self._read_ts, (*self._dumps, joined), self.left_out)

    @cached_property
    def clocks(self) -> pd.DataFrame:
        """One row per dump that was joined: how its clock stands to this log's, by the messages that both have.

        ============= ======= ===================================================================================
        dump          str     its path
        matches       int64   descriptions and candidates that both have; 0: not aligned
        at_least_s    float64 by the messages that came from the log: they were used after their relay
        at_most_s     float64 by the messages that went to the log: they were made before their relay
        offset_s      float64 what was added to the dump's times: the middle of the two
        uncertainty_s float64 how far from it the truth may be, half of their distance; missing: nobody knows
        sentence      str     the same in words; also says when the two contradict each other
        ============= ======= ===================================================================================
        """
        return clocks_table(self._dumps)

    def ladder(
        self, room: str | pd.Series[Any], dialect: str | None = None, boot: str | None = None, *, fold: bool = True
    ) -> Ladder:
        """Draw a room as a sequence diagram: a column for each peer, and a row for each signal, join and leave.

        `room` is a room id, or a row of `pairs`, whose two sessions are drawn alone. `dialect` and `boot` (its first
        characters are enough) select one of several rooms with this id. The ladder covers everything that happened in
        the room in one boot. Equal signals that follow each other, such as heartbeats, share one row, unless `fold` is
        false. Raises `UnknownRoom` and `AmbiguousRoom`.
        """
        if not isinstance(room, str):
            return self._pair_ladder(room, fold=fold)
        chosen = choose_room(self._events, room, dialect, boot)
        return Ladder(chosen.title, room_entries(self._events, chosen), fold=fold)

    def _pair_ladder(self, pair: pd.Series[Any], *, fold: bool) -> Ladder:
        if pd.isna(pair["room"]):
            raise UnknownRoom("of these two: they met in no room, and only their browsers' reports are known", [])
        chosen = RoomInLog(pair["dialect"], pair["room"], pair["boot"])
        sessions = (pair["session"], pair["other_session"])
        return Ladder(chosen.title, room_entries(self._events, chosen), fold=fold, between=sessions)

    def timeline(self, room: str, dialect: str | None = None, boot: str | None = None) -> Timeline:
        """Draw who was in one room when: a row per session, through all restarts that the room outlived.

        `dialect` and `boot` as for `ladder`. Raises `UnknownRoom` and `AmbiguousRoom`.
        """
        chosen = choose_runs(self._events, "timeline", room, dialect, boot)
        return Timeline(chosen.title, room_attendance(self._events, chosen, self._read_ts))

    def mesh(
        self, room: str, at: float | datetime | None = None, dialect: str | None = None, boot: str | None = None
    ) -> Mesh:
        """Draw who is connected to whom in one room at a moment, judged by what was recorded until then.

        `at` is in seconds from the room's first record, or a time (UTC, if it names no zone); None: the log's end.
        `dialect` and `boot` as for `ladder`. Raises `UnknownRoom` and `AmbiguousRoom`.
        """
        return self._meshes("mesh", room, dialect, boot).at(at)

    def mesh_slider(self, room: str, dialect: str | None = None, boot: str | None = None) -> VBox:
        """Show a slider over the room's time, and below it the mesh at that moment (an ipywidgets box)."""
        from signaling_sidecar.inspection.live.mesh_slider import mesh_slider

        return mesh_slider(self._meshes("mesh_slider", room, dialect, boot))

    def _meshes(self, view: str, room: str, dialect: str | None, boot: str | None) -> RoomMeshes:
        chosen = choose_runs(self._events, view, room, dialect, boot)
        attendance = room_attendance(self._events, chosen, self._read_ts)
        return RoomMeshes(chosen, attendance, mesh_entries(self._events, chosen))

    def sdp_diff(self, a: Chosen, b: Chosen) -> SdpDiff:
        """Compare two session descriptions, section by section.

        Each is the `seq` of one of the `signals`, `(boot, seq)` where several boots have it, or an SDP as a string.
        Raises `UnknownRecord`, and `NoDescription` where there is none.
        """
        return SdpDiff(find_sdp(self._events, a), find_sdp(self._events, b))

    def picker(self) -> VBox:
        """Show a list of the log's rooms, and below it the ladder of the chosen one (an ipywidgets box)."""
        from signaling_sidecar.inspection.live.picker import room_picker

        return room_picker(
            rooms_of_table(self.rooms), lambda chosen: self.ladder(chosen.room, chosen.dialect, chosen.boot)
        )

    def __repr__(self) -> str:
        return f"EventLog({self.path!r}: {', '.join(self._facts())})"

    def _repr_html_(self) -> str:
        facts = html.escape(" · ".join(self._facts()))
        return f"<div>Event log <code>{html.escape(visible(self.path))}</code><br>{facts}</div>"

    def _facts(self) -> list[str]:
        rooms = self.rooms.drop_duplicates(["dialect", "room"])
        reported = sum(len(joined.dump.reports) for joined in self._dumps)
        facts = [_count(len(self._events) - reported, "record"), _count(self._events["boot"].nunique(), "boot")]
        facts.append(_count(len(rooms), "room"))
        if len(self._events):
            first, last = self._events["time"].min(), self._events["time"].max()
            facts.append(f"{first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC")
        facts += map(str, self._dumps)
        facts += filter(None, [visible(self.left_out)])
        return facts


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
