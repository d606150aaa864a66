"""Who met whom: every pair of sessions that were in one room at one time, and what passed between the two.

Plain Python over entries; see `verdicts.py` for what is made of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from signaling_sidecar.diagnosis.elsewhere import Pages, Reserve
from signaling_sidecar.diagnosis.entries import Entry
from signaling_sidecar.diagnosis.meeting import Meeting, Refusal, Rejection, Signal, Stay
from signaling_sidecar.diagnosis.peer_labels import PeerLabels
from signaling_sidecar.diagnosis.record_data import media_of, read_about, read_data, word_of
from signaling_sidecar.diagnosis.reports import Connection, Connections, Report
from signaling_sidecar.diagnosis.sockets import Sockets, read_closed
from signaling_sidecar.errors import Code
from signaling_sidecar.eventlog.payload import find_candidates


class _Session(msgspec.Struct):
    session: str
    peer: str
    name: str | None = None


class _Room(msgspec.Struct):
    dialect: str
    room: str
    sessions: list[_Session]


class _Checkpoint(msgspec.Struct):
    rooms: list[_Room]


JOIN_WORDS = ("join", "register", "matchmaking", "JOIN_ROOM", "CREATE_ROOM")


@dataclass(eq=False)
class Met:
    """All that a log tells of who met whom."""

    meetings: list[Meeting] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    reserves: list[Reserve] = field(default_factory=list)
    connections: Connections = field(default_factory=Connections)
    last_ts: float = 0.0


def find_meetings(entries: Iterable[Entry]) -> Met:
    """Go through the entries of a log, in their order."""
    log = _Log()
    for entry in entries:
        log.take(entry)
    log.join_reports()
    log.call_peers()
    return log.met


class _Log:
    def __init__(self) -> None:
        self.met = Met()
        self._rooms: dict[tuple[str, str], dict[str, Stay]] = {}
        """By room, who is in it: stays by peer id."""
        self._stays: dict[str, Stay] = {}
        self._stays_of: dict[str, list[Stay]] = {}
        """By peer id, in order of coming."""
        self._by_pair: dict[tuple[str, str], Meeting] = {}
        self._by_session: dict[str, list[Meeting]] = {}
        self._sockets = Sockets()
        self._labels: dict[tuple[str, str], PeerLabels] = {}

    def take(self, entry: Entry) -> None:
        self.met.last_ts = max(self.met.last_ts, entry.ts)
        if entry.type == "trace.state":
            report = self.met.connections.add(entry)
            if report is not None and report.pc is None and entry.session in self._stays:
                self._learn_page(self._stays[entry.session], report)
        elif entry.type == "log.checkpoint":
            self._take_checkpoint(entry)
        elif entry.type == "signal.refused":
            about = read_about(entry.data)
            self._refused(entry, about.code or "", about.message or "")
        elif entry.type.startswith("connection."):
            self._take_socket(entry)
        elif entry.dialect is not None and entry.room is not None:
            self._take_stay((entry.dialect, entry.room), entry)

    def _take_socket(self, entry: Entry) -> None:
        self._sockets.add(entry)
        if entry.type == "connection.closed" and (closed := read_closed(entry)).is_too_big:
            self._refused(entry, Code.TOO_LARGE, closed.reason or "")

    def _take_stay(self, key: tuple[str, str], entry: Entry) -> None:
        if entry.session is not None and entry.peer is not None:
            stay = self._stays.get(entry.session) or self._come(key, entry.session, entry.peer, entry)
            self._change(key, stay, entry)
        elif entry.type == "room.ended":
            self._rooms.pop(key, None)

    def _take_checkpoint(self, entry: Entry) -> None:
        """Who is where when a segment begins: some came before this log does, and some are gone since another run."""
        checkpoint = read_data(entry.data, _Checkpoint)
        if checkpoint is None:
            return
        there = checkpoint.rooms
        present = {session.session for room in there for session in room.sessions}
        for stays in self._rooms.values():
            for stay in [stay for stay in stays.values() if stay.session not in present]:
                stay.gone = entry
                self._labels_of(stay.room).gone(stay.peer, entry.ts)
                del stays[stay.peer]
        for room in there:
            for session in room.sessions:
                if session.session not in self._stays:
                    stay = self._come((room.dialect, room.room), session.session, session.peer, entry)
                    stay.name = session.name
                    self._labels_of((room.dialect, room.room)).name(session.peer, entry.ts, session.name)

    def _come(self, key: tuple[str, str], session: str, peer: str, entry: Entry) -> Stay:
        stay = self._stays[session] = Stay(session, peer, None, entry, key)
        self._stays_of.setdefault(peer, []).append(stay)
        self._labels_of(key).name(peer, entry.ts, None)
        room = self._rooms.setdefault(key, {})
        for other in room.values():
            meeting = Meeting(*key, (other, stay), entry)
            self._by_pair[other.session, session] = self._by_pair[session, other.session] = meeting
            self._by_session.setdefault(other.session, []).append(meeting)
            self._by_session.setdefault(session, []).append(meeting)
            self.met.meetings.append(meeting)
        room[peer] = stay
        return stay

    def _change(self, key: tuple[str, str], stay: Stay, entry: Entry) -> None:
        self._labels_of(key).take(entry.type, entry.ts, stay.peer, entry.data)
        match entry.type:
            case "peer.joined" | "peer.resumed":
                stay.name = read_about(entry.data).name or stay.name
                stay.absent, stay.insecure = None, self._sockets.insecure(entry)
            case "peer.updated":
                stay.name = read_about(entry.data).name or stay.name
            case "peer.away":
                stay.away.append(entry)
                stay.absent = entry
            case "peer.left":
                stay.gone = entry
                self._rooms[key].pop(stay.peer, None)
            case "signal.relayed":
                self._relayed(key, stay, entry)

    def _relayed(self, key: tuple[str, str], stay: Stay, entry: Entry) -> None:
        media = media_of(entry.kind, entry.data)
        what = media.sdp_type or {"end": "end", None: None}.get(media.candidate_type, "candidate") or _what(entry)
        candidates = [each for each in find_candidates(entry.data or "") if each.type not in ("end", "malformed")]
        for meeting in self._to(key, stay, entry):
            sender = 0 if meeting.stays[0] is stay else 1
            meeting.signals.append(Signal(entry, sender, what, media.ufrag, candidates))

    def _to(self, key: tuple[str, str], stay: Stay, entry: Entry) -> Iterator[Meeting]:
        room = self._rooms.get(key, {})
        receivers = list(room.values()) if entry.to is None else [room[entry.to]] if entry.to in room else []
        for receiver in receivers:
            meeting = self._by_pair.get((stay.session, receiver.session))
            if meeting is not None:
                yield meeting

    def _refused(self, entry: Entry, code: str, message: str) -> None:
        stay = self._stays.get(entry.session or "")
        meetings = [] if stay is None else list(self._meant_for(stay, entry))
        for meeting in meetings:
            meeting.refusals.append(Refusal(entry, 0 if meeting.stays[0] is stay else 1, code, message))
        if not meetings and (entry.kind in JOIN_WORDS or _what(entry) == "offer"):
            self.met.rejections.append(Rejection(entry, stay, code, message))

    def _meant_for(self, stay: Stay, entry: Entry) -> Iterator[Meeting]:
        """The meetings with those who would have got a frame, also with who has left just before."""
        room = self._rooms.get((entry.dialect or "", entry.room or ""), {})
        others = [other for other in room.values() if other.peer == entry.to or entry.to is None]
        gone = [other for other in self._stays_of.get(entry.to or "", []) if other.gone] if not others else []
        for other in [*others, *gone[-1:]]:
            meeting = self._by_pair.get((stay.session, other.session))
            if meeting is not None:
                yield meeting

    # --- what browsers reported --------------------------------------------------------------------------------------

    def join_reports(self) -> None:
        """Give each connection to the meeting whose signals carry its ICE ufrags, or whose peer it names."""
        by_ufrag: dict[str, tuple[Meeting, int]] = {}
        for meeting in self.met.meetings:
            for signal in meeting.signals:
                if signal.ufrag is not None:
                    by_ufrag[signal.ufrag] = (meeting, signal.sender)
        unknown: list[Connection] = []
        for connection in self.met.connections.by_id.values():
            found = self._by_peer(connection) or _by_ufrag(connection, by_ufrag)
            if found is not None:
                meeting, side = found
                meeting.connections[side].append(connection)
                about = self.met.connections.pages.get(connection.page or "")
                if about is not None:
                    self._learn_page(meeting.stays[side], about)
            else:
                unknown.append(connection)
        elsewhere = [each for each in unknown if each.session is None]
        pages = Pages(self.met.connections, self._sockets)
        self.met.meetings += pages.meetings(elsewhere)
        self.met.reserves += pages.reserves
        for session, entry in self.met.connections.insecure_sessions.items():
            if session in self._stays:
                self._stays[session].insecure = entry

    def _learn_page(self, stay: Stay, about: Report) -> None:
        self._labels_of(stay.room).page(stay.peer, stay.came.ts, about)

    def _labels_of(self, key: tuple[str, str]) -> PeerLabels:
        return self._labels.setdefault(key, PeerLabels())

    def call_peers(self) -> None:
        """Only at the end it is known what everybody is called."""
        for stay in self._stays.values():
            labels = self._labels_of(stay.room)
            stay.label, stay.identity = labels.of(stay.peer), labels.first_of(stay.peer)

    def _by_peer(self, connection: Connection) -> tuple[Meeting, int] | None:
        stay = self._stays.get(connection.session or "")
        if stay is None or connection.peer_id is None:
            return None
        began = connection.reports[0][0].ts
        meetings = [
            (meeting, side)
            for meeting in self._by_session.get(stay.session, [])
            for side in [0 if meeting.stays[0] is stay else 1]
            if meeting.stays[1 - side].peer == connection.peer_id and meeting.met.ts <= began
        ]
        return max(meetings, key=lambda found: found[0].met.ts) if meetings else None


def _what(entry: Entry) -> str:
    word = word_of(entry.kind)
    return word if word in ("offer", "answer", "candidate") else "other"


def _by_ufrag(connection: Connection, by_ufrag: dict[str, tuple[Meeting, int]]) -> tuple[Meeting, int] | None:
    for ufrag in connection.ufrags:
        if ufrag in by_ufrag:
            return by_ufrag[ufrag]
    for ufrag in connection.remote_ufrags:
        if ufrag in by_ufrag:
            meeting, sender = by_ufrag[ufrag]
            return meeting, 1 - sender
    return None
