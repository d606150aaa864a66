"""All tables of a log. This file describes each table, and the file with the table's name makes it."""

from __future__ import annotations

from functools import cached_property

import pandas as pd

from signaling_sidecar.diagnosis import Diagnosis, diagnose
from signaling_sidecar.inspection.named_room import Room, named_room
from signaling_sidecar.inspection.tables.candidates import candidates_table
from signaling_sidecar.inspection.tables.entries import entries_of
from signaling_sidecar.inspection.tables.pairs import pairs_table
from signaling_sidecar.inspection.tables.restarts import listed_sessions
from signaling_sidecar.inspection.tables.rooms import rooms_table
from signaling_sidecar.inspection.tables.sessions import sessions_table
from signaling_sidecar.inspection.tables.signals import signals_table
from signaling_sidecar.paused_collector import paused_collector
from signaling_sidecar.progress import Progress

_LONG_LOG_RECORDS = 1_000_000  # records; from this number on, even a table that needs no Python loop takes a second


class LogTables:
    """The tables of a log. Each is made when it is first used, and kept.

    All times are in UTC. The docstring of each table lists its columns: name, dtype, meaning, and the type of record
    from which the value comes. A missing value is NaN, NaT or <NA>, and never 0 or "".

    You may change a table: the other tables and the drawings do not use your changes. With pandas 2, this is so for
    columns that you replace, but not for single values that you write into `events` or `rooms`.
    """

    def __init__(self, events: pd.DataFrame, read_ts: float | None) -> None:
        self._events = events
        self._read_ts = read_ts
        """The time at which the log was read (seconds since the epoch) if its sidecar was running then, otherwise
        None."""

    def still_current(self, now_ts: float) -> None:
        """Note that the log of a running sidecar has not grown until `now_ts`. The verdicts may still have changed,
        because a deadline has passed, and peers may have been away for longer."""
        if self._read_ts is None:
            return
        self._read_ts = now_ts
        self.__dict__.pop("sessions", None)  # a peer may have been away for longer
        if "_diagnosis" in self.__dict__ and now_ts >= self._diagnosis.changes_ts:
            del self._diagnosis
            self.__dict__.pop("pairs", None)

    @cached_property
    def events(self) -> pd.DataFrame:
        """One row per record, boot after boot, and within a boot in the order of writing.

        ========== =================== ==========================================================================
        v          int64               schema version of the record; 1
        seq        int64               number of the record in its boot, from 1
        time       datetime64[us, UTC] when it happened; from `ts`
        type       category            what happened, such as `peer.joined`
        dialect    category            wire protocol, such as `rooms`
        room       category            room id; unique only within its dialect
        peer       category            id of the peer that the record is about; of a signal, the sender
        to         category            id of the peer that a signal is for; missing if it is for all others
        connection Int64               number of the WebSocket in its boot
        session    category            id of the session; never used again
        kind       category            the frame's type, such as `offer`
        bytes      Int64               size of the frame (bytes)
        c          Int64               number that a resumable client has given to its frame
        numbers    str                 JSON text: for each session that got a frame about it, the frame's number
        data       str                 JSON text: the frame as it was sent, or the details of the event
        boot       category            one run of the sidecar; from the segment's `log.header`
        ========== =================== ==========================================================================
        """
        return self._events.copy(deep=False)

    @cached_property
    def rooms(self) -> pd.DataFrame:
        """One row for each time that a room existed, from its first peer to its last.

        ========== =================== ==========================================================================
        dialect    category            wire protocol
        room       category            room id
        name       str                 last display name; from `room.created`, `room.updated`
        created    datetime64[us, UTC] `room.created`; missing if the room is older than this log
        ended      datetime64[us, UTC] `room.ended`; missing if the log ends before the room
        peers_most int64               highest number of peers at one time, including peers that are away
        sessions   int64               number of sessions in the room
        signals    int64               `signal.relayed` records
        refused    int64               `signal.refused` records; see the column `count` of `signals`
        bytes      int64               total size of the relayed frames (bytes)
        boot       category            one run of the sidecar
        ========== =================== ==========================================================================
        """
        return self._rooms.copy(deep=False)

    @cached_property
    def sessions(self) -> pd.DataFrame:
        """One row per session: one peer in one room, over one or more connections. The log of a running sidecar ends
        when it was read.

        =========== =================== =========================================================================
        dialect     category            wire protocol
        room        category            room id
        peer        category            peer id
        name        str                 last display name; from `peer.joined`, `peer.updated` or a checkpoint
        subject     str                 to whom its access token was issued, if one was required; from `peer.joined`
        session     category            id of the session; never used again
        joined      datetime64[us, UTC] `peer.joined`; missing if the session is older than this log
        left        datetime64[us, UTC] `peer.left`; missing if the log ends before the session
        reason      category            why it left, such as `left`, `lost`, `kicked`; from `peer.left`
        ending      category            how its last connection ended, such as `closed`, `unloaded`; from `peer.left`
        connections int64               number of its WebSockets; from `peer.joined`, `peer.resumed`
        pages       int64               number of its page loads; 0 if the client does not report them
        times_away  int64               how often it lost its connection; `peer.away`, or a restart of the sidecar
        away_s      float64             time without a connection (s), also while no sidecar runs, until the log ends
        sent        int64               `signal.relayed` records of signals from it
        received    int64               signals to it, and signals to the whole room from others, while it lasted
        refused     int64               `signal.refused` records about frames from it
        boot        category            the run of the sidecar in which it first appears
        =========== =================== =========================================================================
        """
        with self._progress("sessions", is_long=len(self._events) >= _LONG_LOG_RECORDS):
            return sessions_table(self._events, self._listed, self._read_ts)

    @cached_property
    def signals(self) -> pd.DataFrame:
        """One row per signal that was relayed or kept for its receiver, and per record about refused frames.

        The columns about the content of a frame are the same for all dialects (`signaling_sidecar.eventlog.payload`).

        ================= =================== ===================================================================
        time              datetime64[us, UTC] when it happened
        dialect           category            wire protocol
        room              category            room id
        peer              category            peer id of the sender
        to                category            peer id of the receiver; missing if it is for all others
        kind              category            the frame's type, such as `offer`
        bytes             Int64               size of the frame (bytes)
        outcome           category            `relayed`, `refused`, `kept` for an absent peer, or `expired` after that
        code              category            error code, such as `no-such-peer`; from `data`
        count             int64               number of refusals that the record stands for; 1 if relayed
        message           str                 error message; from `data`
        sdp_type          category            type of the description: `offer`, `answer`, `pranswer`, `rollback`
        description_bytes Int64               size of the SDP (bytes)
        ufrag             str                 ICE username fragment of the description or the candidate
        candidate_type    category            `host`, `srflx`, `prflx`, `relay`; `end` for end-of-candidates
        protocol          category            protocol of the candidate: `udp`, `tcp`
        address_class     category            kind of its address: `mdns`, `private`, `public`, `public-ipv6` …
        address           str                 address of the candidate, as it was sent
        port              Int64               port of the candidate
        session           category            the sender's session
        to_session        category            the session that had the peer id `to` at that time
        boot              category            one run of the sidecar
        seq               int64               number of the record in its boot: the row in `events`
        ================= =================== ===================================================================
        """
        with self._progress("signals") as progress, paused_collector():
            return signals_table(self._events, self._listed, progress)

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """One row for every two sessions that were in a room at the same time, unless one page has had both.

        In a dialect that does not tell peers of each other, such as `y-webrtc`, two sessions get a row only after one
        of them has sent a signal to the other.

        Columns whose names end with `_back` are about `other`. Counts and times are those of the last attempt to
        connect. `sentence` is the verdict of `sidecar why`.

        =============== =================== =====================================================================
        dialect         category            wire protocol
        room            category            room id
        peer            category            id of the peer that was in the room first
        other           category            id of the peer that joined second
        name            str                 display name of `peer`
        other_name      str                 display name of `other`
        met             datetime64[us, UTC] when the second one joined
        offered         category            id of the peer that sent the first offer
        offers          int64               offers from `peer` to `other`
        offers_back     int64               offers from `other` to `peer`
        answers         int64               answers from `peer`
        answers_back    int64               answers from `other`
        candidates      int64               candidates of `peer`, including those in its descriptions
        candidates_back int64               candidates of `other`
        types           str                 kinds of candidates of `peer`, such as `host srflx`
        types_back      str                 kinds of candidates of `other`
        offer           datetime64[us, UTC] the first offer
        answer          datetime64[us, UTC] the first answer
        candidate       datetime64[us, UTC] the first candidate
        connected       datetime64[us, UTC] the first report that they are connected; from `trace.state`
        signaling       str                 the reason according to the signaling alone, such as `offer-unanswered`
        reason          str                 the reason according to the browsers' reports too, such as `connected`
        sentence        str                 the column `reason` in words
        session         category            session of `peer`
        other_session   category            session of `other`
        boot            category            the run of the sidecar in which they met
        =============== =================== =====================================================================
        """
        with paused_collector():
            return pairs_table(self._diagnosis.verdicts)

    @cached_property
    def candidates(self) -> pd.DataFrame:
        """One row per relayed candidate, whether it was sent alone or in a description.

        ============== =================== ======================================================================
        time           datetime64[us, UTC] when it was relayed
        dialect        category            wire protocol
        room           category            room id
        peer           category            peer id of the sender
        to             category            peer id of the receiver; missing if it was for all others
        type           category            `host`, `srflx`, `prflx`, `relay`; `end` for end-of-candidates
        protocol       category            `udp`, `tcp`
        address_class  category            `mdns`, `private`, `public`, `public-ipv6` …
        address        str                 address of the candidate, as it was sent
        port           Int64               port of the candidate
        ufrag          str                 ICE username fragment of its description
        in_description bool                whether it was part of a description
        session        category            the sender's session
        boot           category            one run of the sidecar
        seq            int64               number of the record in its boot: the row in `events`
        ============== =================== ======================================================================
        """
        with self._progress("candidates") as progress, paused_collector():
            return candidates_table(self._events, progress)

    def diagnose(self, room: Room | None = None, dialect: str | None = None) -> Diagnosis:
        """Return for every two peers that met whether they are connected, and if not, why.

        `room` (an id, or a row of `rooms`) and `dialect` select rooms. Without them the diagnosis is about all rooms.
        """
        if room is None and dialect is None:
            return self._diagnosis
        if room is not None:
            room, dialect, _ = named_room(room, dialect)
        return self._diagnose(room, dialect)

    @cached_property
    def _rooms(self) -> pd.DataFrame:
        with self._progress("rooms", is_long=len(self._events) >= _LONG_LOG_RECORDS):
            return rooms_table(self._events, self._listed)

    @cached_property
    def _diagnosis(self) -> Diagnosis:
        return self._diagnose(None, None)

    def _diagnose(self, room: str | None, dialect: str | None) -> Diagnosis:
        with self._progress("pairs of peers") as progress, paused_collector():
            return diagnose(entries_of(self._events, progress), self._read_ts, room, dialect)

    @cached_property
    def _listed(self) -> pd.DataFrame:
        return listed_sessions(self._events)

    def _progress(self, what: str, *, is_long: bool = False) -> Progress:
        return Progress(what, len(self._events), is_long=is_long)
