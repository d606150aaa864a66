"""Finds out who was in a room at which time: a row for each session, and the events of the whole room.

1. A session is here after `peer.joined` and `peer.resumed`, away after `peer.away`, and absent after `peer.left`.
2. When a new run of the sidecar has restored the room, no peer has a connection. So all sessions are away from the last
   record of the previous run, which may have been killed, until they resume.
3. If the join of a session is not in the log, its row begins with the first record of the room. If its leave is not in
   the log, its row ends with the log, or with the first record that shows the end of the session: the end of the room,
   a checkpoint without the session, or another session with its peer id.
4. No event is earlier than the one before it, even if the clock of the sidecar was set back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import msgspec

from signaling_sidecar.diagnosis import Entry
from signaling_sidecar.diagnosis.checkpoints import WAS_AWAY, rooms_in
from signaling_sidecar.diagnosis.peer_labels import PeerLabels
from signaling_sidecar.diagnosis.record_data import About, read_about
from signaling_sidecar.drawing.cluster_events import cluster_event
from signaling_sidecar.drawing.presence import PRESENCE_AFTER, Presence
from signaling_sidecar.drawing.rooms import OF_SIDECARS

_BEFORE_S = 0.001  # seconds; the resolution of the times that drawings show


class Change(StrEnum):
    """What a mark on the row of a session means."""

    JOINED = "joined"
    RECONNECTED = "another connection"
    RELOADED = "page reloaded"
    LEFT = "left"


class Mark(NamedTuple):
    """An event of one session."""

    ts: float
    change: Change
    seq: int
    detail: str
    """How the connection was lost, or why the peer left. May be empty."""


class Span(NamedTuple):
    """A period in which a session was connected, or away."""

    presence: Presence
    since_ts: float
    until_ts: float


class Moment(NamedTuple):
    """An event of the whole room."""

    ts: float
    label: str
    is_server: bool
    """Whether this is an event of the whole sidecar, such as a restart, which is shown in every room."""


@dataclass
class Row:
    """One session."""

    session: str
    peer: str
    name: str | None = None
    label: str = ""
    """The label of the peer, see `signaling_sidecar.diagnosis.peer_labels`."""
    spans: list[Span] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    instance: str | None = None
    """The id of the page load of the peer. After a reload, the page has another id."""

    def seconds(self, presence: Presence) -> float:
        return sum(span.until_ts - span.since_ts for span in self.spans if span.presence is presence)

    def presence_at(self, ts: float) -> Presence:
        """Return the presence after everything that happened until `ts`."""
        found = (span.presence for span in reversed(self.spans) if span.since_ts <= ts)
        left_ts = next((mark.ts for mark in self.marks if mark.change is Change.LEFT), None)
        return Presence.ABSENT if left_ts is not None and left_ts <= ts else next(found, Presence.ABSENT)


class Attendance(NamedTuple):
    """A room from its first record to its last, or to the end of the log if a peer is in it until then."""

    rows: Sequence[Row]
    moments: Sequence[Moment]
    began_ts: float
    ended_ts: float

    def busiest_ts(self) -> float:
        """Return the last time at which the number of peers in the room was highest."""
        lefts = [mark.ts for row in self.rows for mark in row.marks if mark.change is Change.LEFT]
        return max((self.ended_ts, *(ts - _BEFORE_S for ts in lefts)), key=lambda ts: (len(self.there_at(ts)), ts))

    def there_at(self, ts: float) -> list[tuple[Row, Presence]]:
        """Return the sessions that were in the room at `ts`, connected or away, in order of joining."""
        found = ((row, row.presence_at(ts)) for row in self.rows)
        return [(row, presence) for row, presence in found if presence is not Presence.ABSENT]


_LABELS = {
    "room.created": "room created",
    "room.ended": "room ended",
    "server.stopped": "sidecar stopped",
    "server.restored": "sidecar restarted",
    "server.reloaded": "sidecar reloaded",
}


def attend(
    entries: Iterable[Entry],
    log_end_ts: float,
    labels: PeerLabels | None = None,
    down_since_ts: Mapping[tuple[str, int], float] | None = None,
) -> Attendance:
    """Find out who was in a room at which time, from its records, checkpoints and records of the sidecar, in order.

    Records before the first one of the room are ignored. `labels` are from a diagnosis of the whole log, or by default
    from the records. By boot id and `seq` of each `server.restored`, `down_since_ts` has when the run before ended.
    """
    room = _Room(down_since_ts or {})
    for entry in entries:
        room.take(entry)
    return room.ended(log_end_ts, labels)


class _Room:
    def __init__(self, down_since_ts: Mapping[tuple[str, int], float]) -> None:
        self._down_since_ts = down_since_ts
        self._rows: dict[str, Row] = {}
        self._open: dict[str, tuple[Presence, float]] = {}
        """For each session in the room: its presence, and since when it has this presence (seconds since the epoch)."""
        self._missing: dict[str, tuple[float, int]] = {}
        """The same sessions, if another record shows that they are over: the time and `seq` of that record."""
        self._last_of: dict[str, str] = {}  # by peer id, its last session
        self._moments: list[Moment] = []
        self._began_ts: float | None = None
        self._last_ts = self._now_ts = 0.0
        self._labels = PeerLabels()

    def take(self, entry: Entry) -> None:
        is_server = entry.type.startswith(OF_SIDECARS)
        if entry.ts < self._now_ts:
            entry = msgspec.structs.replace(entry, ts=self._now_ts)
        if entry.type == "log.checkpoint":
            self._compare(entry)
            return
        if not is_server:  # a record about a sidecar may have the time of another clock than the room's records
            self._now_ts = entry.ts
        if entry.peer is not None and entry.session is not None:
            self._labels.take(entry.type, entry.ts, entry.peer, entry.data)
        if self._began_ts is None and is_server:
            return
        if not is_server:
            self._began_ts, self._last_ts = self._began_ts or entry.ts, entry.ts
        label = (cluster_event(entry) if is_server else None) or _LABELS.get(entry.type)
        if label is not None:
            self._moment(Moment(entry.ts, label, is_server))
        if entry.type == "server.restored":
            lost_ts = self._down_since_ts.get((entry.boot, entry.seq), entry.ts)
            for session in self._open.keys() - {each for each, (ts, _) in self._missing.items() if ts < lost_ts}:
                self._turn(session, Presence.AWAY, max(lost_ts, self._open[session][1]))
        elif entry.type == "room.ended":
            self._miss(entry, self._open)
        elif entry.session is not None and entry.peer is not None and entry.type.startswith("peer."):
            self._missing.pop(entry.session, None)
            self._change(entry, entry.session, entry.peer, read_about(entry.data))

    def _compare(self, checkpoint: Entry) -> None:
        if (rooms := rooms_in(checkpoint)) is not None:
            present = {known.session for room in rooms for known in room.sessions}
            self._missing = {session: at for session, at in self._missing.items() if session not in present}
            self._miss(checkpoint, self._open.keys() - present)

    def _miss(self, entry: Entry, sessions: Iterable[str]) -> None:
        """Note that these sessions in the room are over, unless a later record shows the opposite."""
        self._missing |= {each: (entry.ts, entry.seq) for each in sessions if each not in self._missing}

    def ended(self, log_end_ts: float, labels: PeerLabels | None) -> Attendance:
        for session, (missed_ts, seq) in self._missing.items():
            ts = max(missed_ts, self._open[session][1])
            self._rows[session].marks.append(Mark(ts, Change.LEFT, seq, "not recorded"))
            self._turn(session, Presence.ABSENT, ts)
            self._last_ts = max(self._last_ts, ts)
        ended_ts = max(log_end_ts, self._last_ts) if self._open else self._last_ts
        for session in list(self._open):
            self._turn(session, Presence.ABSENT, ended_ts)
        for row in self._rows.values():
            row.label = (labels or self._labels).of(row.peer)
        moments = [moment for moment in self._moments if moment.ts <= ended_ts]
        return Attendance(list(self._rows.values()), moments, self._began_ts or 0.0, ended_ts)

    def _moment(self, moment: Moment) -> None:
        restarted = bool(self._moments) and self._moments[-1].label == _LABELS["server.restored"]
        if restarted and moment.label == _LABELS["server.reloaded"]:
            self._moments.pop()  # a reload begins with a restart, so its label replaces the label of the restart
        self._moments.append(moment)

    def _change(self, entry: Entry, session: str, peer: str, about: About) -> None:
        row = self._rows.get(session) or self._come(entry, session, peer)
        row.name = about.name or row.name
        change = _change_of(entry, row, about)
        row.instance = about.instance or row.instance
        if change is not None:
            detail = (about.ending or (about.reason if change is Change.LEFT else None)) or ""
            row.marks.append(Mark(entry.ts, change, entry.seq, detail))
        if entry.type in PRESENCE_AFTER:
            self._turn(session, PRESENCE_AFTER[entry.type], entry.ts)

    def _come(self, entry: Entry, session: str, peer: str) -> Row:
        if entry.type != "peer.joined":
            before = Presence.AWAY if entry.type in ("peer.resumed", WAS_AWAY) else Presence.HERE
            self._open[session] = (before, self._began_ts or entry.ts)
        self._miss(entry, {self._last_of.get(peer, "")} & self._open.keys())
        self._last_of[peer] = session
        return self._rows.setdefault(session, Row(session, peer))

    def _turn(self, session: str, presence: Presence, ts: float) -> None:
        was, since_ts = self._open.get(session, (Presence.ABSENT, ts))
        if was is presence:
            return
        if was is not Presence.ABSENT:
            self._rows[session].spans.append(Span(was, since_ts, ts))
        if presence is Presence.ABSENT:
            del self._open[session]
        else:
            self._open[session] = (presence, ts)


def _change_of(entry: Entry, row: Row, about: About) -> Change | None:
    match entry.type:
        case "peer.joined":
            return Change.JOINED
        case "peer.left":
            return Change.LEFT
        case "peer.resumed":
            loaded_again = None not in (row.instance, about.instance) and row.instance != about.instance
            return Change.RELOADED if loaded_again else Change.RECONNECTED
    return None
