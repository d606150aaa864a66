"""All tables of a log. Each is made in the file of its name, and described here."""

from __future__ import annotations

from functools import cached_property

import pandas as pd

from signaling_sidecar.diagnosis import Diagnosis, diagnose
from signaling_sidecar.inspection.tables.candidates import candidates_table
from signaling_sidecar.inspection.tables.entries import entries_of
from signaling_sidecar.inspection.tables.pairs import pairs_table
from signaling_sidecar.inspection.tables.rooms import rooms_table
from signaling_sidecar.inspection.tables.sessions import sessions_table
from signaling_sidecar.inspection.tables.signals import signals_table


class LogTables:
    """The tables of a log. Each is made when it is first used, and kept.

    Every table has one row per thing, and times in UTC. The description below each lists its columns: name, dtype,
    meaning, and the record that it comes from. A missing value is NaN, NaT or <NA>, and never 0 or "".
    """

    def __init__(self, events: pd.DataFrame, read_ts: float | None) -> None:
        self._events = events
        self._read_ts = read_ts
        """When the log was read (seconds since the epoch) if its sidecar was running then, else None."""

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
