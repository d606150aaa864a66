"""Finds the meetings in a log: every two sessions that were in one room at the same time, and their signals.

`verdicts.py` evaluates the meetings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from signaling_sidecar.diagnosis.entries import Entry
from signaling_sidecar.diagnosis.external_signaling import ExternalPages, OfferPool
from signaling_sidecar.diagnosis.meeting import Meeting, Refusal, Rejection, Session, Signal
from signaling_sidecar.diagnosis.peer_labels import PeerLabels
from signaling_sidecar.diagnosis.record_data import call_of, content_of, media_of, read_about, read_data, word_of
from signaling_sidecar.diagnosis.reported_meetings import ReportedMeetings
from signaling_sidecar.diagnosis.reports import Connection, Connections, Report
from signaling_sidecar.diagnosis.sockets import Sockets, read_closed
from signaling_sidecar.errors import Code


class _CheckpointSession(msgspec.Struct):
    session: str
    peer: str
    name: str | None = None


class _CheckpointRoom(msgspec.Struct):
    dialect: str
    room: str
    sessions: list[_CheckpointSession]
    announced: bool = True
    """Whether the peers of the room are told of each other."""


class _Checkpoint(msgspec.Struct):
    rooms: list[_CheckpointRoom]


_WHAT_OF_CANDIDATE = {"end": "end", None: None}
SIGNAL_WORDS = ("offer", "answer", "candidate", "signal", "broadcast")


@dataclass(eq=False)
class FoundMeetings:
    """The meetings of a log, and the other findings that a diagnosis reports."""

    meetings: list[Meeting] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    pools: list[OfferPool] = field(default_factory=list)
    connections: Connections = field(default_factory=Connections)
    last_ts: float = 0.0
    unread: dict[tuple[str, str], None] = field(default_factory=dict)
    """The rooms, by dialect and room id, in which nobody could be seen to meet because frames to all are opaque. They
    are in the order of these frames, and have no values."""
    labels: dict[tuple[str, str], PeerLabels] = field(default_factory=lambda: defaultdict(PeerLabels))
    """By dialect and room, the labels of all peers that the log shows in it."""


def find_meetings(entries: Iterable[Entry]) -> FoundMeetings:
    """Find the meetings in the entries of a log, which must be in their order."""
    log = _Log()
    for entry in entries:
        log.take(entry)
    log.join_reports()
    log.call_peers()
    log.sort_refusals()
    for meeting in log.found.meetings:
        log.found.unread.pop((meeting.dialect or "", meeting.room or ""), None)
    return log.found


class _Log:
    def __init__(self) -> None:
        self.found = FoundMeetings()
        self._rooms: dict[tuple[str, str], dict[str, Session]] = {}
        """By room, the sessions in it by peer id."""
        self._sessions: dict[str, Session] = {}
        self._sessions_of: dict[str, list[Session]] = {}
        """By peer id, in order of joining."""
        self._by_pair: dict[tuple[str, str], Meeting] = {}
        self._unannounced: set[tuple[str, str]] = set()
        """The rooms whose peers are not told of each other. Two of them meet when one sends something to the other."""
        self._sockets = Sockets()
        self._connections: dict[str, tuple[str, int | None]] = {}
        """By session, the run of the sidecar and the number of the connection that it had last."""
        self._relayed_kinds: set[tuple[str | None, str | None]] = set()
        """By dialect, the kinds of the frames that were relayed, which are the words of that dialect for a signal."""
        self._kept_ufrags: set[str | None] = {None}
        """The ICE ufrags of frames that were kept for a peer that was not there."""

    def take(self, entry: Entry) -> None:
        if entry.ts > self.found.last_ts:
            self.found.last_ts = entry.ts
        if entry.type == "trace.state":
            report = self.found.connections.add(entry)
            if report is not None and report.pc is None and entry.session in self._sessions:
                self._learn_page(self._sessions[entry.session], report)
        elif entry.type == "log.checkpoint":
            self._take_checkpoint(entry)
        elif entry.type == "signal.refused":
            about = read_about(entry.data)
            self._refused(entry, about.code or "", about.message or "")
        elif entry.type == "signal.expired":
            self._refused(entry, Code.NO_SUCH_PEER, f"no peer {entry.to!r} joined before the frame expired")
        elif entry.type.startswith("connection."):
            self._take_socket(entry)
        elif entry.dialect is not None and entry.room is not None:
            self._take_session((entry.dialect, entry.room), entry)

    def _take_socket(self, entry: Entry) -> None:
        self._sockets.add(entry)
        if entry.type == "connection.closed" and (closed := read_closed(entry)).is_too_big:
            for each in self._in_each_room(entry):
                self._refused(each, Code.TOO_LARGE, closed.reason or "")

    def _in_each_room(self, closed: Entry) -> list[Entry]:
        """Yield the entry once for each session of its connection. If the connection is in several rooms, the log
        writes the entry without a room."""
        ended = [
            session
            for session in self._sessions.values()
            if session.gone is None and self._connections.get(session.id) == (closed.boot, closed.connection)
        ]
        if closed.session is not None or closed.connection is None or not ended:
            return [closed]
        return [
            msgspec.structs.replace(closed, dialect=dialect, room=room, peer=session.peer, session=session.id)
            for session in ended
            for dialect, room in [session.room]
        ]

    def _take_session(self, key: tuple[str, str], entry: Entry) -> None:
        if entry.session is not None and entry.peer is not None:
            session = self._sessions.get(entry.session) or self._begin(key, entry.session, entry.peer, entry)
            self._change(key, session, entry)
        elif entry.type == "room.ended":
            self._rooms.pop(key, None)
        elif entry.type == "room.created":
            self._learn_whether_announced(key, announced=read_about(entry.data).announced)

    def _learn_whether_announced(self, key: tuple[str, str], *, announced: bool) -> None:
        if announced:
            self._unannounced.discard(key)
        else:
            self._unannounced.add(key)

    def _take_checkpoint(self, entry: Entry) -> None:
        """Process the sessions in the checkpoint at the beginning of a segment.

        Some may have joined before this log begins, and some of the earlier ones may have ended between two runs.
        """
        checkpoint = read_data(entry.data, _Checkpoint)
        if checkpoint is None:
            return
        present = {known.session for room in checkpoint.rooms for known in room.sessions}
        for members in self._rooms.values():
            for session in [each for each in members.values() if each.id not in present]:
                session.gone = entry
                self._labels_of(session.room).gone(session.peer, entry.ts)
                del members[session.peer]
        for room in checkpoint.rooms:
            self._learn_whether_announced((room.dialect, room.room), announced=room.announced)
            for known in room.sessions:
                if known.session not in self._sessions:
                    session = self._begin((room.dialect, room.room), known.session, known.peer, entry)
                    session.name = known.name
                    self._labels_of((room.dialect, room.room)).name(known.peer, entry.ts, known.name)

    def _begin(self, key: tuple[str, str], id_: str, peer: str, entry: Entry) -> Session:
        session = self._sessions[id_] = Session(id_, peer, None, entry, key)
        self._sessions_of.setdefault(peer, []).append(session)
        self._labels_of(key).name(peer, entry.ts, None)
        room = self._rooms.setdefault(key, {})
        if key not in self._unannounced:
            for other in room.values():
                self._meet(other, session, entry)
        room[peer] = session
        return session

    def _meet(self, earlier: Session, later: Session, entry: Entry) -> Meeting:
        meeting = Meeting(*later.room, (earlier, later), entry)
        self._by_pair[earlier.id, later.id] = self._by_pair[later.id, earlier.id] = meeting
        self.found.meetings.append(meeting)
        return meeting

    def _change(self, key: tuple[str, str], session: Session, entry: Entry) -> None:
        if entry.type == "signal.relayed":  # most records are, so it is first
            self._relayed(key, session, entry)
            return
        if entry.type.startswith("peer."):
            self._labels_of(key).take(entry.type, entry.ts, session.peer, entry.data)
        match entry.type:
            case "peer.joined" | "peer.resumed":
                session.name = read_about(entry.data).name or session.name
                session.absent, session.insecure = None, self._sockets.insecure(entry)
                self._connections[session.id] = entry.boot, entry.connection
            case "peer.updated":
                session.name = read_about(entry.data).name or session.name
            case "peer.away":
                session.away.append(entry)
                session.absent = entry
            case "peer.left":
                session.gone = entry
                self._rooms[key].pop(session.peer, None)
            case "signal.kept":
                self._kept_ufrags.add(media_of(entry.kind, entry.data).ufrag)

    def _relayed(self, key: tuple[str, str], session: Session, entry: Entry) -> None:
        self._relayed_kinds.add((entry.dialect, entry.kind))
        media, found = content_of(entry.kind, entry.data)
        what = media.sdp_type or _WHAT_OF_CANDIDATE.get(media.candidate_type, "candidate") or _what(entry)
        # A tuple takes less memory than a list, and all empty tuples are one object.
        candidates = tuple([each for each in found if each.type not in ("end", "malformed")]) if found else ()
        # In an unannounced room peers look for others with frames to everybody, which do not make two of them meet.
        is_to_a_peer = entry.to is not None or what != "other"
        if media.is_opaque and key in self._unannounced and not is_to_a_peer:
            self.found.unread[key] = None
        call, has_frame, kept = call_of(entry.data), entry.data is not None, entry.without_data()
        # The receivers of a frame share its Signal, of which there are only two: one for each side of a meeting.
        of_side: list[Signal | None] = [None, None]
        for meeting in self._to(key, session, entry, may_begin=key in self._unannounced and is_to_a_peer):
            side = 0 if meeting.sessions[0] is session else 1
            signal = of_side[side] or Signal(kept, side, what, media.ufrag, candidates, has_frame, call)
            of_side[side] = signal
            meeting.signals.append(signal)

    def _to(self, key: tuple[str, str], session: Session, entry: Entry, *, may_begin: bool) -> list[Meeting]:
        """Return the meetings of the sender with each receiver of a frame. If `may_begin` is true, a receiver that the
        sender has not met yet meets it by this frame."""
        room = self._rooms.get(key, {})
        receivers = room.values() if entry.to is None else [room[entry.to]] if entry.to in room else ()
        found = []
        for receiver in receivers:
            meeting = self._by_pair.get((session.id, receiver.id))
            if meeting is not None:
                found.append(meeting)
            elif may_begin and receiver is not session:
                found.append(self._meet(session, receiver, entry))
        return found

    def _refused(self, entry: Entry, code: str, message: str) -> None:
        session = self._sessions.get(entry.session or "")
        meetings = [] if session is None else list(self._meant_for(session, entry))
        for meeting in meetings:
            meeting.refusals.append(Refusal(entry, 0 if meeting.sessions[0] is session else 1, code, message))
        # A candidate or an update of a client in no room is refused too, but only because its join was refused before.
        is_of_newcomer = entry.session is None and entry.kind is not None and code != Code.NOT_JOINED
        if not meetings and (is_of_newcomer or _what(entry) == "offer"):
            self.found.rejections.append(Rejection(entry, session, code, message))

    def _meant_for(self, session: Session, entry: Entry) -> Iterator[Meeting]:
        """Yield the meetings of the sender with the peers that would have received a refused frame, or with the
        receiver that had just left."""
        room = self._rooms.get((entry.dialect or "", entry.room or ""), {})
        others = [other for other in room.values() if other.peer == entry.to or entry.to is None]
        gone = [other for other in self._sessions_of.get(entry.to or "", []) if other.gone] if not others else []
        for other in [*others, *gone[-1:]]:
            meeting = self._by_pair.get((session.id, other.id))
            if meeting is not None:
                yield meeting

    def sort_refusals(self) -> None:
        """Keep only the refusals that the other peer lacks a frame for. For example, a refused leave is not one."""
        for meeting in self.found.meetings:
            for each in meeting.refusals:
                each.is_signal = self._is_signal(each.entry)
            meeting.refusals = [each for each in meeting.refusals if each.is_signal or _is_of_unknown_kind(each)]

    def _is_signal(self, entry: Entry) -> bool:
        """Whether a refused frame was for other peers. A frame that ended its connection had been lost by then, too."""
        if entry.to is not None or entry.type == "connection.closed":
            return True
        return word_of(entry.kind) in SIGNAL_WORDS or (entry.dialect, entry.kind) in self._relayed_kinds

    def join_reports(self) -> None:
        """Add each RTCPeerConnection to the meeting whose signals carry its ICE ufrags, or whose peer it names."""
        known = ReportedMeetings(self.found.meetings)
        external: list[Connection] = []
        for connection in self.found.connections.by_id.values():
            found = known.of(connection)
            if found is not None:
                meeting, side = found
                meeting.connections[side].append(connection)
                about = self.found.connections.pages.get(connection.page or "")
                if about is not None:
                    self._learn_page(meeting.sessions[side], about)
            elif connection.session is None and self._kept_ufrags.isdisjoint(connection.ufrags):
                external.append(connection)
        pages = ExternalPages(self.found.connections, self._sockets)
        self.found.meetings += pages.meetings(external)
        self.found.pools += pages.pools
        for id_, entry in self.found.connections.insecure_sessions.items():
            if id_ in self._sessions:
                self._sessions[id_].insecure = entry

    def _learn_page(self, session: Session, about: Report) -> None:
        self._labels_of(session.room).page(session.peer, session.came.ts, about)

    def _labels_of(self, key: tuple[str, str]) -> PeerLabels:
        return self.found.labels[key]

    def call_peers(self) -> None:
        """Set the labels of all sessions, which are known only after the last entry."""
        for session in self._sessions.values():
            labels = self._labels_of(session.room)
            session.label, session.identity = labels.of(session.peer), labels.first_of(session.peer)


def _is_of_unknown_kind(refusal: Refusal) -> bool:
    """Whether the log does not show what the frame was for: it has no readable type, or none that the dialect has."""
    return refusal.entry.kind is None or refusal.code == Code.UNKNOWN_TYPE


def _what(entry: Entry) -> str:
    word = word_of(entry.kind)
    return word if word in ("offer", "answer", "candidate") else "other"
