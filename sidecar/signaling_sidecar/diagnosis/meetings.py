"""Who met whom: every pair of sessions that were in one room at one time, and what passed between the two.

Plain Python over entries; see `reasons.py` for what is made of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from signaling_sidecar.diagnosis.entries import Entry
from signaling_sidecar.diagnosis.record_data import media_of, read_about, word_of
from signaling_sidecar.diagnosis.reports import Connection, Connections
from signaling_sidecar.eventlog.payload import Candidate, find_candidates


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
class Stay:
    """One session: one peer's stay in one room."""

    session: str
    peer: str
    name: str | None
    came: Entry
    """The first entry of it."""
    gone: Entry | None = None
    """The entry that says it left."""
    away: list[Entry] = field(default_factory=list)

    @property
    def label(self) -> str:
        return self.name or self.peer


@dataclass(eq=False)
class Signal:
    """A frame that one of a pair sent to the other, or to all."""

    entry: Entry
    sender: int
    """0 or 1: which of the pair."""
    what: str
    """`offer`, `answer`, `candidate`, `end` or `other`."""
    ufrag: str | None
    candidates: list[Candidate]


@dataclass(eq=False)
class Refusal:
    """A frame of one of a pair, meant for the other, that was refused."""

    entry: Entry
    sender: int
    code: str
    message: str


@dataclass(eq=False)
class Meeting:
    """Two sessions in one room at one time; `stays[0]` was there first.

    Or, without a room, two pages whose signaling went another way: all that is known of them is what they reported.
    """

    dialect: str | None
    room: str | None
    stays: tuple[Stay, Stay]
    met: Entry
    signals: list[Signal] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    connections: tuple[list[Connection], list[Connection]] = field(default_factory=lambda: ([], []))
    """What each side's browser reported of its connections to the other, in order."""

    def parted(self) -> Entry | None:
        """The entry with which the first of the two left."""
        gone = [stay.gone for stay in self.stays if stay.gone is not None]
        return min(gone, key=lambda entry: entry.ts) if gone else None


@dataclass(eq=False)
class Rejection:
    """Somebody who asked to come into a room and was refused, and so met nobody."""

    entry: Entry
    code: str
    message: str


@dataclass(eq=False)
class Met:
    """All that a log tells of who met whom."""

    meetings: list[Meeting] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    connections: Connections = field(default_factory=Connections)
    last_ts: float = 0.0


def find_meetings(entries: Iterable[Entry]) -> Met:
    """Go through the entries of a log, in their order."""
    log = _Log()
    for entry in entries:
        log.take(entry)
    log.join_reports()
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

    def take(self, entry: Entry) -> None:
        self.met.last_ts = max(self.met.last_ts, entry.ts)
        if entry.type == "trace.state":
            self.met.connections.add(entry)
        elif entry.type == "log.checkpoint":
            self._take_checkpoint(entry)
        if entry.dialect is None or entry.room is None:
            return
        key = (entry.dialect, entry.room)
        if entry.type == "signal.refused":
            self._refused(key, entry)
        elif entry.session is not None and entry.peer is not None:
            stay = self._stays.get(entry.session) or self._come(key, entry.session, entry.peer, entry)
            self._change(key, stay, entry)
        elif entry.type == "room.ended":
            self._rooms.pop(key, None)

    def _take_checkpoint(self, entry: Entry) -> None:
        """Who is where when a segment begins: some came before this log does, and some are gone since another run."""
        there = msgspec.json.decode(entry.data or "", type=_Checkpoint).rooms
        present = {session.session for room in there for session in room.sessions}
        for stays in self._rooms.values():
            for stay in [stay for stay in stays.values() if stay.session not in present]:
                stay.gone = entry
                del stays[stay.peer]
        for room in there:
            for session in room.sessions:
                if session.session not in self._stays:
                    stay = self._come((room.dialect, room.room), session.session, session.peer, entry)
                    stay.name = session.name

    def _come(self, key: tuple[str, str], session: str, peer: str, entry: Entry) -> Stay:
        stay = self._stays[session] = Stay(session, peer, None, entry)
        self._stays_of.setdefault(peer, []).append(stay)
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
        match entry.type:
            case "peer.joined" | "peer.updated" | "peer.resumed":
                stay.name = read_about(entry.data).name or stay.name
            case "peer.away":
                stay.away.append(entry)
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

    def _refused(self, key: tuple[str, str], entry: Entry) -> None:
        about = read_about(entry.data)
        code, message = about.code or "", about.message or ""
        stay = self._stays.get(entry.session or "")
        if stay is None:
            if entry.kind in JOIN_WORDS:
                self.met.rejections.append(Rejection(entry, code, message))
            return
        others = [stay for stay in self._rooms.get(key, {}).values() if stay.peer == entry.to or entry.to is None]
        gone = [stay for stay in self._stays_of.get(entry.to or "", []) if stay.gone] if not others else []
        for other in [*others, *gone[-1:]]:
            meeting = self._by_pair.get((stay.session, other.session))
            if meeting is not None:
                meeting.refusals.append(Refusal(entry, 0 if meeting.stays[0] is stay else 1, code, message))

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
                found[0].connections[found[1]].append(connection)
            else:
                unknown.append(connection)
        self.met.meetings += _elsewhere([each for each in unknown if each.session is None])

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


def _elsewhere(connections: list[Connection]) -> Iterator[Meeting]:
    """Put together the connections of two pages that name each other's ufrags; one alone has not been answered yet."""
    by_ufrag = {ufrag: connection for connection in connections for ufrag in connection.ufrags}
    done: set[str] = set()
    for connection in connections:
        # One that never began to negotiate was made to see what the browser can do.
        if connection.id in done or not connection.ufrags:
            continue
        others = (by_ufrag.get(ufrag) for ufrag in connection.remote_ufrags)
        other = next((each for each in others if each is not None and each.id not in done | {connection.id}), None)
        done |= {connection.id} if other is None else {connection.id, other.id}
        began = connection.reports[0][0]
        stays = (_stay_of(connection, began), _stay_of(other, began))
        yield Meeting(None, None, stays, began, connections=([connection], [] if other is None else [other]))


def _stay_of(connection: Connection | None, began: Entry) -> Stay:
    if connection is None:
        return Stay("", "", "somebody", began)
    return Stay(connection.id, connection.page or "", f"page {(connection.page or connection.id)[:6]}", began)
