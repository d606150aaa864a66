"""Opens an event log, and makes its drawings."""

from __future__ import annotations

import html
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from signaling_sidecar.counted import counted
from signaling_sidecar.drawing import Mesh, RoomInLog, RoomMeshes, SdpDiff, Timeline
from signaling_sidecar.eventlog.records import LeftOut
from signaling_sidecar.eventlog.segments import FoundLog, Location, find_segments
from signaling_sidecar.eventlog.state_dir import is_running
from signaling_sidecar.inspection.chosen_sdp import Chosen, find_sdp
from signaling_sidecar.inspection.dumps import Dump, JoinedDump, clocks_table, join_dump
from signaling_sidecar.inspection.live.ladder import Ladder
from signaling_sidecar.inspection.named_room import Room, named_room, wrong_row
from signaling_sidecar.inspection.room_choice import (
    choose_room,
    choose_runs,
    room_attendance,
    room_entries,
    room_labels,
    rooms_of_table,
)
from signaling_sidecar.inspection.room_records import room_records
from signaling_sidecar.inspection.tables.entries import without_dumps
from signaling_sidecar.inspection.tables.log_tables import LogTables
from signaling_sidecar.inspection.tables.reader import read_events
from signaling_sidecar.untrusted_text import printable, visible

if TYPE_CHECKING:
    from ipywidgets import VBox


def open_log(path: Location | Sequence[Location] | None = None) -> EventLog:
    """Read an event log as it is now. Open it again to see records that were written later.

    `path` is a segment (`.jsonl` or `.jsonl.gz`), a folder of segments, or a glob pattern. Without `path`, the log of
    this project is read, and a printed line names the log. The project is the nearest folder, from the current one
    upwards, for which a sidecar has run.

    Several paths in a list are read as one log. From the time when a sidecar joins a cluster, it writes the records of
    the whole cluster into its folder, so the folder of one sidecar is usually enough. A record that is in several
    folders counts once.

    Lines that cannot be read are left out, and one printed line reports their number.

    Raises `NoLog` and `NoStateDir`, and `DamagedLog` or `UnknownSchema` if no line can be read. All of these are
    `SidecarError`s.
    """
    found = find_segments(path)
    if found.how is not None:
        print(printable(f"reading {_path_of(found)} ({found.how})"))
    log = read_log(found)
    if log.left_out:
        print(printable(log.left_out))
    return log


def read_log(found: FoundLog) -> EventLog:
    """Read a log without printing anything."""
    is_live = any(map(is_running, found.paths))
    left_out = LeftOut(is_live=is_live)
    events = read_events(found.segments, left_out)
    return EventLog(_path_of(found), found.segments, events, time.time() if is_live else None, left_out=str(left_out))


def _path_of(found: FoundLog) -> str:
    return ", ".join(map(str, found.paths))


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
        """The segment, folder or pattern that was read, or several of them, separated by commas."""
        self.segments = segments
        """The files of the log."""
        self.left_out = left_out
        """A sentence about the lines that could not be read, or an empty string if all lines were read."""
        self._dumps = dumps

    def with_dump(self, dump: Dump) -> EventLog:
        """Return a copy of this log, with the reports in a dump of a browser (`open_dump`). `pairs`, `mesh` and the
        other views of the copy use these reports too.

        The reports are joined to the signals by the ICE ufrags. In `events` they are records of type `trace.state` and
        kind `dump`, whose `seq` is their number in the dump, and whose time is converted to the log's clock (see
        `clocks`). A dump that is joined already, for instance because the cell is run again, changes nothing. If a
        later dump of the same page repeats reports, these are added once.
        """
        if any(each.dump.recorded == dump.recorded for each in self._dumps):
            return self
        events, joined = join_dump(self._events, dump, self._dumps)
        return EventLog(self.path, self.segments, events, self._read_ts, (*self._dumps, joined), self.left_out)

    @cached_property
    def clocks(self) -> pd.DataFrame:
        """One row per joined dump: the difference between its clock and the log's, found by the messages in both.

        ============= ======= ===================================================================================
        dump          str     path of the dump
        matches       int64   descriptions and candidates in both; with 0 the clocks are not aligned
        at_least_s    float64 lower bound: the page used messages after the sidecar had relayed them
        at_most_s     float64 upper bound: the page made messages before the sidecar relayed them
        offset_s      float64 seconds that were added to the times of the dump: the middle of the two bounds
        uncertainty_s float64 half of the distance of the bounds; missing if one bound is missing
        sentence      str     the same in words, and whether the bounds contradict each other
        ============= ======= ===================================================================================
        """
        return clocks_table(self._dumps)

    def ladder(self, room: Room, dialect: str | None = None, boot: str | None = None, *, fold: bool = True) -> Ladder:
        """Draw a room as a sequence diagram: a column for each peer, and a row for each signal, join and leave.

        `room` is a room id, a row of `rooms`, or a row of `pairs`: then only its two sessions are drawn. `dialect` and
        `boot` (its first characters are enough) select one of several rooms with this id. The ladder covers one run of
        the sidecar: the last run with records of this room, unless `boot` names another one. For a row of `pairs`, it
        is the run with the last attempt to connect. Equal signals that follow each other, such as heartbeats, share one
        row, unless `fold` is false. Raises `UnknownRoom`, and `AmbiguousRoom` for rooms of several dialects.
        """
        named = named_room(room, dialect, boot)
        if isinstance(room, pd.Series) and "other_session" in room:
            return self._pair_ladder(room, fold=fold)
        return self._drawn(choose_room(self._events, self._listed, "ladder", named), fold=fold)

    def _pair_ladder(self, pair: pd.Series[Any], *, fold: bool) -> Ladder:
        if wrong := wrong_row(pair, "session", "offer"):
            raise TypeError(f"a ladder of two peers needs a whole row of `pairs`, not {wrong}")
        both = pair["session"], pair["other_session"]
        # The two sessions may have met in one run of the sidecar, and have tried again to connect in the next run.
        offers = self._events["session"].isin(both) & (self._events["time"] == pair["offer"])
        boot = next(iter(self._events.loc[offers, "boot"]), pair["boot"])
        return self._drawn(RoomInLog(pair["dialect"], pair["room"], boot), fold=fold, between=both)

    def _drawn(self, chosen: RoomInLog, *, fold: bool, between: tuple[str, str] | None = None) -> Ladder:
        labels = room_labels(self._events, chosen)
        return Ladder(chosen.title, room_entries(self._events, chosen), fold=fold, between=between, labels=labels)

    def timeline(self, room: Room, dialect: str | None = None, boot: str | None = None) -> Timeline:
        """Draw when each session was in a room, through all restarts of the sidecar that the room survived.

        `room`, `dialect` and `boot` select the room as for `ladder`. Raises `UnknownRoom` and `AmbiguousRoom`.
        """
        chosen = choose_runs(self._events, self._listed, "timeline", named_room(room, dialect, boot))
        return Timeline(chosen.title, room_attendance(self._events, chosen, self._read_ts))

    def mesh(
        self,
        room: Room,
        at: float | timedelta | datetime | np.timedelta64 | np.datetime64 | None = None,
        dialect: str | None = None,
        boot: str | None = None,
    ) -> Mesh:
        """Draw who was connected to whom in a room at one moment, according to the records until then.

        `at` is the time since the first record of the room, in seconds or as a `timedelta`, or else a `datetime` (in
        UTC unless it names a zone). The types of pandas and numpy for these are accepted too. Without `at`, the moment
        is the end of the log. `room`, `dialect` and `boot` select the room as for `ladder`. Raises `UnknownRoom` and
        `AmbiguousRoom`.
        """
        if isinstance(at, np.timedelta64):  # Python treats it as a number, whatever its unit is
            at = pd.Timedelta(at)
        elif isinstance(at, np.datetime64):
            at = pd.Timestamp(at)
        return self._meshes("mesh", room, dialect, boot).at(at)

    def mesh_slider(self, room: Room, dialect: str | None = None, boot: str | None = None) -> VBox:
        """Return an ipywidgets box with a slider for the time, and below it the mesh of the room at that time."""
        from signaling_sidecar.inspection.live.mesh_slider import mesh_slider

        return mesh_slider(self._meshes("mesh_slider", room, dialect, boot))

    def _meshes(self, view: str, room: Room, dialect: str | None, boot: str | None) -> RoomMeshes:
        chosen = choose_runs(self._events, self._listed, view, named_room(room, dialect, boot))
        attendance = room_attendance(self._events, chosen, self._read_ts)
        return RoomMeshes(chosen, attendance, room_records(self._events, chosen))

    def sdp_diff(self, a: Chosen, b: Chosen) -> SdpDiff:
        """Compare two session descriptions, section by section.

        `a` and `b` are each a row of `signals`, its `seq`, `(boot, seq)` if several boots have this `seq`, or an SDP as
        a string. Raises `UnknownRecord`, and `NoDescription` for a record without a session description.
        """
        return SdpDiff(find_sdp(self._events, a), find_sdp(self._events, b))

    def picker(self) -> VBox:
        """Return an ipywidgets box with a list of the rooms, and below it the ladder of the selected room."""
        from signaling_sidecar.inspection.live.picker import room_picker

        return room_picker(
            rooms_of_table(self._rooms), lambda chosen: self.ladder(chosen.room, chosen.dialect, chosen.boot)
        )

    def __repr__(self) -> str:
        return f"EventLog({self.path!r}: {', '.join(self._facts())})"

    def _repr_html_(self) -> str:
        facts = html.escape(" · ".join(self._facts()))
        return f"<div>Event log <code>{html.escape(visible(self.path))}</code><br>{facts}</div>"

    def _facts(self) -> list[str]:
        rooms = self._rooms.drop_duplicates(["dialect", "room"])
        times = without_dumps(self._events[["time", "type", "kind"]])["time"]
        facts = [counted(len(times), "record"), counted(self._events["boot"].nunique(), "boot")]
        facts.append(counted(len(rooms), "room"))
        if len(times):
            first, last = times.min(), times.max()
            facts.append(f"{first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC")
        facts += map(str, self._dumps)
        facts += filter(None, [visible(self.left_out)])
        return facts
