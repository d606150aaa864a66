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

from signaling_sidecar.diagnosis import Diagnosis, diagnose
from signaling_sidecar.eventlog.records import LeftOut
from signaling_sidecar.eventlog.segments import FoundLog, find_segments
from signaling_sidecar.eventlog.state_dir import is_running
from signaling_sidecar.inspection.candidates import candidates_table
from signaling_sidecar.inspection.dumps import Dump, JoinedDump, clocks_table, join_dump
from signaling_sidecar.inspection.ladder import Ladder
from signaling_sidecar.inspection.mesh import Mesh, RoomMeshes
from signaling_sidecar.inspection.pair_ladder import pair_ladder
from signaling_sidecar.inspection.pairs import entries_of, pairs_table
from signaling_sidecar.inspection.reader import read_events
from signaling_sidecar.inspection.room_choice import choose_room, choose_runs, room_attendance, room_records
from signaling_sidecar.inspection.rooms import rooms_table
from signaling_sidecar.inspection.sdp_diff import Chosen, SdpDiff, find_sdp
from signaling_sidecar.inspection.sessions import sessions_table
from signaling_sidecar.inspection.signals import signals_table
from signaling_sidecar.inspection.timeline import Timeline
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


class EventLog:
    """What `open_log` read. Tables are made when first asked for, and kept.

    Every table has one row per thing, times in UTC, and its columns in its description below: name, dtype, what it is,
    and the record it comes from. A missing value is missing (NaN, NaT, <NA>), never 0 or "".
    """

    def __init__(
        self,
        path: str,
        segments: Sequence[Path],
        events: pd.DataFrame,
        read_ts: float | None = None,
        dumps: Sequence[JoinedDump] = (),
        left_out: str = "",
    ) -> None:
        self.path = path
        """The segment, folder or pattern that was read."""
        self.segments = segments
        """The files it is made of."""
        self.left_out = left_out
        """What could not be read of them, in one sentence; empty: everything was."""
        self._events = events
        self._read_ts = read_ts
        """When it was read (seconds since the epoch), if its sidecar ran then; None: nothing comes after its end."""
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

    @property
    def events(self) -> pd.DataFrame:
        """One row per record, boot after boot, each boot in the order it was written.

        ========== =================== ==========================================================================
        v          int64               schema version of the record; 1
        seq        int64               number of the record in its boot, from 1
        time       datetime64[us, UTC] when it happened; from `ts`
        type       category            what happened, such as `peer.joined`
        dialect    category            wire protocol, such as `rooms`
        room       category            room id; unique only within its dialect
        peer       category            peer id: who did it, or whom it happened to
        to         category            peer id: for whom a signal is; missing: all others in the room
        connection Int64               number of the WebSocket in its boot
        session    category            one peer's stay in one room; unique for ever
        kind       category            the frame's type, such as `offer`
        bytes      Int64               size of the frame (bytes)
        c          Int64               number that a resumable client gave its frame
        numbers    str                 JSON text: by session, the number of the frame that told it of this
        data       str                 JSON text: of a signal the frame as it was sent, else what the type says
        boot       category            one run of the sidecar; from the segment's `log.header`
        ========== =================== ==========================================================================
        """
        return self._events

    @cached_property
    def rooms(self) -> pd.DataFrame:
        """One row per stay of a room: from its first peer to its last.

        ========== =================== ==========================================================================
        dialect    category            wire protocol
        room       category            room id
        name       str                 display name, the last it had; from `room.created`, `room.updated`
        created    datetime64[us, UTC] `room.created`; missing: it was there before this log begins
        ended      datetime64[us, UTC] `room.ended`; missing: the log does not see it end
        peers_most int64               peers at one time, at most, those who were away included; from `peer.*`
        sessions   int64               stays of peers in it
        signals    int64               `signal.relayed` records
        refused    int64               `signal.refused` records; one may stand for many: see `signals`, `count`
        bytes      int64               size of the relayed frames together (bytes)
        boot       category            one run of the sidecar
        ========== =================== ==========================================================================
        """
        return rooms_table(self._events)

    @cached_property
    def sessions(self) -> pd.DataFrame:
        """One row per session: one peer's stay in one room, which may span several connections.

        =========== =================== =========================================================================
        dialect     category            wire protocol
        room        category            room id
        peer        category            peer id
        name        str                 display name, the last it had; from `peer.joined`, `peer.updated`
        session     category            unique for ever
        joined      datetime64[us, UTC] `peer.joined`; missing: it was there before this log begins
        left        datetime64[us, UTC] `peer.left`; missing: the log does not see it leave
        reason      category            why it left, such as `left`, `lost`; from `peer.left`
        connections int64               WebSockets it had, one after the other; `peer.joined`, `peer.resumed`
        pages       int64               page loads it had: a reload is another; 0: the client does not say
        times_away  int64               `peer.away` records
        away_s      float64             time without a connection together (s); until the log's end if still away
        sent        int64               `signal.relayed` records from it
        received    int64               signals that were for it, and broadcasts while it had its place
        refused     int64               `signal.refused` records to it
        boot        category            the run of the sidecar in which it first appears
        =========== =================== =========================================================================
        """
        return sessions_table(self._events)

    @cached_property
    def signals(self) -> pd.DataFrame:
        """One row per signal that was relayed, and per record of a frame that was refused.

        What is found inside a frame does not depend on its dialect: see `signaling_sidecar.eventlog.payload`.

        ================= =================== ===================================================================
        time              datetime64[us, UTC] when it happened
        dialect           category            wire protocol
        room              category            room id
        peer              category            peer id of the sender
        to                category            peer id it is for; missing: all others in the room
        kind              category            the frame's type, such as `offer`
        bytes             Int64               size of the frame (bytes)
        outcome           category            `relayed` or `refused`
        code              category            why it was refused, such as `no-such-peer`; from `data`
        count             int64               how many refusals the record stands for; 1 when relayed
        message           str                 the refusal in words; from `data`
        sdp_type          category            `offer`, `answer`, `pranswer`, `rollback`: it holds a description
        description_bytes Int64               size of the SDP (bytes)
        ufrag             str                 ICE username fragment, of the description or the candidate
        candidate_type    category            `host`, `srflx`, `prflx`, `relay`; `end`: no more will come
        protocol          category            of the candidate: `udp`, `tcp`
        address_class     category            of the candidate: `mdns`, `private`, `public`, `public-ipv6` …
        address           str                 of the candidate, as it was sent
        port              Int64               of the candidate
        session           category            the sender's session
        to_session        category            the session that `to` was at that moment
        boot              category            one run of the sidecar
        seq               int64               number of the record in its boot: the row in `events`
        ================= =================== ===================================================================
        """
        return signals_table(self._events)

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """One row per two sessions that were in one room at one time. Columns with `_back` are the other's.

        Counts and times are of the last attempt to connect; `sentence` says the same as `sidecar why`.

        =============== =================== =====================================================================
        dialect         category            wire protocol
        room            category            room id
        peer            category            peer id of who was there first
        other           category            peer id of who came
        name            str                 display name of `peer`
        other_name      str                 display name of `other`
        met             datetime64[us, UTC] when the second came
        offered         category            peer id of who sent the (first) offer
        offers          int64               offers from `peer` to `other`
        offers_back     int64               offers from `other` to `peer`
        answers         int64               answers from `peer`
        answers_back    int64               answers from `other`
        candidates      int64               candidates of `peer`, those in its descriptions included
        candidates_back int64               candidates of `other`
        types           str                 kinds of candidates of `peer`, such as `host srflx`
        types_back      str                 kinds of candidates of `other`
        offer           datetime64[us, UTC] the first offer
        answer          datetime64[us, UTC] the first answer
        candidate       datetime64[us, UTC] the first candidate
        connected       datetime64[us, UTC] when a browser first said so; from `trace.state`
        signaling       category            what the signaling alone can tell
        reason          category            what it can tell with the browsers' reports: `connected`, `glare` …
        sentence        str                 the reason in words
        session         category            session of `peer`
        other_session   category            session of `other`
        boot            category            the run of the sidecar in which they met
        =============== =================== =====================================================================
        """
        return pairs_table(self._diagnosis.verdicts)

    @cached_property
    def candidates(self) -> pd.DataFrame:
        """One row per candidate that was relayed, trickled or in a description.

        ============== =================== ======================================================================
        time           datetime64[us, UTC] when it was relayed
        dialect        category            wire protocol
        room           category            room id
        peer           category            peer id of the sender
        to             category            peer id it is for; missing: all others in the room
        type           category            `host`, `srflx`, `prflx`, `relay`; `end`: no more will come
        protocol       category            `udp`, `tcp`
        address_class  category            `mdns`, `private`, `public`, `public-ipv6` …
        address        str                 as it was sent
        port           Int64               as it was sent
        ufrag          str                 ICE username fragment: which description it belongs to
        in_description bool                whether it came as a line of one
        session        category            the sender's session
        boot           category            one run of the sidecar
        seq            int64               number of the record in its boot: the row in `events`
        ============== =================== ======================================================================
        """
        return candidates_table(self._events)

    def diagnose(self, room: str | None = None) -> Diagnosis:
        """Say of every two peers that met whether they are connected, and if not why."""
        return diagnose(entries_of(self._events), self._read_ts, room) if room is not None else self._diagnosis

    @cached_property
    def _diagnosis(self) -> Diagnosis:
        return diagnose(entries_of(self._events), self._read_ts)

    def ladder(
        self, room: str | pd.Series[Any], dialect: str | None = None, boot: str | None = None, *, fold: bool = True
    ) -> Ladder:
        """Draw one room, or of a row of `pairs` its two: a column per peer, a row per signal and per coming and going.

        `dialect` and `boot` (its first characters do) say which, when several rooms of the log have that name.
        All stays of a room within one boot are one ladder. Equal signals that follow each other, such as heartbeats,
        are one row, unless `fold` is false. Raises `UnknownRoom` and `AmbiguousRoom`.
        """
        if not isinstance(room, str):
            return pair_ladder(self._events, room, fold=fold)
        chosen = choose_room(self._events, room, dialect, boot)
        return Ladder(chosen.title, room_records(self._events, chosen), fold=fold)

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
        from signaling_sidecar.inspection.mesh_slider import mesh_slider

        return mesh_slider(self._meshes("mesh_slider", room, dialect, boot))

    def _meshes(self, view: str, room: str, dialect: str | None, boot: str | None) -> RoomMeshes:
        chosen = choose_runs(self._events, view, room, dialect, boot)
        return RoomMeshes(self._events, chosen, self._read_ts)

    def sdp_diff(self, a: Chosen, b: Chosen) -> SdpDiff:
        """Compare two session descriptions, section by section.

        Each is the `seq` of one of the `signals`, `(boot, seq)` where several boots have it, or an SDP as a string.
        Raises `UnknownRecord`, and `NoDescription` where there is none.
        """
        return SdpDiff(find_sdp(self._events, a), find_sdp(self._events, b))

    def picker(self) -> VBox:
        """Show a list of the log's rooms, and below it the ladder of the chosen one (an ipywidgets box)."""
        from signaling_sidecar.inspection.picker import room_picker

        return room_picker(self)

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
