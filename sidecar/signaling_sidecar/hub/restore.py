"""The hub's state from a log: its last checkpoint, and the records after it. No hook is called, and nobody is told.

A record of a room that neither the checkpoint nor an earlier record knows is of a dialect that is not served any more,
or of a log with a gap: it is passed over. So is what cannot be, such as a second session of one peer in one room: the
invariants of `membership` and `resumption` hold whatever the log says, and everything else is restored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from msgspec import UNSET

from signaling_sidecar.errors import NOT_JSON, Code, Refusal
from signaling_sidecar.hub.checkpoint import (
    Checkpoint,
    Count,
    KeptFrameState,
    ResumptionState,
    RoomInLog,
    Seconds,
    SessionState,
    restored,
)
from signaling_sidecar.hub.effects import (
    FRAME_RECORDS,
    Expired,
    JsonText,
    Notice,
    Numbered,
    PeerJoined,
    PeerLeft,
    PeerUpdated,
    Refused,
    Relayed,
)
from signaling_sidecar.hub.forgiving import read_back
from signaling_sidecar.hub.hub import Hub
from signaling_sidecar.hub.mailbox import KeptFrame
from signaling_sidecar.hub.matchmaking import Waiting
from signaling_sidecar.hub.membership import Away, Room, Session
from signaling_sidecar.hub.payloads import from_json
from signaling_sidecar.hub.resumption import Kept, Resumption, size_of
from signaling_sidecar.hub.returns import apply_changes
from signaling_sidecar.hub.rules import Ending, OwnRules, Reason, RoomKey


class Past(msgspec.Struct, frozen=True):
    """A line of the log, as far as it says what happened to rooms and sessions."""

    ts: float
    type: str
    seq: int = 0
    dialect: str | None = None
    room: str | None = None
    peer: str | None = None
    to: str | None = None
    session: str | None = None
    kind: str | None = None
    data: str | None = None
    c: Count | None = None
    numbers: str | None = None


class Said(msgspec.Struct, frozen=True):
    """What the data of these records may say."""

    capacity: Count = 0
    listed: bool = False
    name: str | None = None
    mode: str | None = None
    host: str | None = None
    metadata: JsonText = UNSET
    instance: str | None = None
    joined_at_ms: Count = 0
    token: str | None = None
    proven: str | None = None
    unlisted: bool = False
    """Whether the peer was sent no list of the others."""
    ending: Ending = Ending.LOST
    grace_s: Seconds | None = None
    told: list[str] = []
    reason: Reason = Reason.LOST
    peers: list[str] = []
    size: Count = 0
    queue: str = ""
    code: Code = Code.INTERNAL
    message: str = ""
    ref: JsonText = UNSET
    rules: OwnRules | None = None
    text: str = ""


class Restore:
    """Fills an empty hub. `finish` must be called at the end, when the sidecar is about to listen."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._membership = hub.membership
        self._sessions: dict[str, Session] = {}
        self._new_rooms: dict[RoomKey, Room] = {}
        self._graces: dict[str, tuple[float, float]] = {}
        """By session that was away: since when, on the log's clock, and how long its grace was then."""
        self._last_ts = 0.0
        self._told: Mapping[str, int] = {}
        """By session: the number of the frame that told it of the record."""
        self._barred: list[tuple[RoomKey, str]] = []
        self._records: dict[str, Callable[[Past, Said], None]] = {
            "room.created": self._room_created,
            "room.updated": self._room_updated,
            "room.ruled": self._room_ruled,
            "match.found": self._match_found,
            "match.queued": self._match_queued,
            "match.cancelled": self._match_cancelled,
            "admin.kicked": self._kicked,
            "admin.said": self._said,
            "peer.joined": self._joined,
            "peer.resumed": self._resumed,
            "peer.updated": self._updated,
            "peer.away": self._away,
            "peer.away_told": self._away_told,
            "peer.left": self._left,
            "signal.relayed": self._relayed,
            "signal.kept": self._kept,
            "signal.expired": self._expired,
            "signal.refused": self._refused,
        }

    def start(self, state: Checkpoint, ts: float) -> None:
        """Begin with a checkpoint that was written at `ts`, epoch seconds."""
        self._last_ts = ts
        for room in state.rooms:
            if self._membership.room(RoomKey(room.dialect, room.room)) is None:
                self._put_room(room, ts)
        for waiting in state.waiting:
            self._wait(waiting)
        for frame in state.mailboxes:
            payload = from_json(frame.payload.encode()) if frame.payload is not None else None
            self._keep(RoomKey(frame.dialect, frame.room), frame, payload)
        self._barred += state.barred

    def apply(self, record: Past) -> str | None:
        """Take the next record of the log, as far as it is sound; say what is not."""
        self._last_ts = record.ts
        self._told = {}
        verb = self._records.get(record.type)
        said, left_out = _NOTHING, list[str]()
        try:
            if verb is not None and record.data is not None and record.type not in FRAME_RECORDS:
                said, left_out = read_back(record.data, Said)
            if record.numbers is not None:
                self._told = _NUMBERS.decode(record.numbers)
        except NOT_JSON as error:
            return str(error)
        if verb is not None:
            verb(record, said)
        session = self._sessions.get(record.session or "")
        if record.c is not None and session is not None and session.resumption is not None:
            session.resumption.handled = record.c
            session.resumption.heard()
        return "; ".join(left_out) or None

    def finish(self, now_s: float) -> None:
        """All connections are gone: every session is away, with its grace anew if it was not away before."""
        for room in self._membership.rooms:
            room.active_s = now_s - max(0.0, room.active_s)
            self._hub.idle_rooms.watch(room)
            for session in room.sessions.values():
                grace_s = self._hub.departures.grace_s(session, Ending.STOPPED)
                away = session.away or Away(Ending.STOPPED, 0.0)
                since_ts, given_s = self._graces.get(session.id, (0.0, 0.0))
                left_s = given_s - max(0.0, self._last_ts - since_ts)  # a clock that was set back gives nobody more
                away.until_s = now_s + (grace_s if away.ending is Ending.STOPPED else max(0.0, left_s))
                self._hub.departures.keep_away(session, away, now_s)
        self._hub.matchmaking.keep_places(now_s)
        self._hub.state.mailboxes.restart_deadlines(self._hub.state.rules, now_s)
        for key, peer in self._barred:
            self._hub.state.bar(key, peer, now_s)

    # --- rooms and queues --------------------------------------------------------------------------------------------

    def _put_room(self, state: RoomInLog, ts: float) -> None:
        room = self._make_room(RoomKey(state.dialect, state.room), state.capacity, state.listed, state.rules)
        if room is None or not state.sessions:
            return
        room.name, room.mode = state.name, state.mode
        room.matched, room.queue = tuple(state.matched), state.queue
        room.created_at_ms, room.active_s = state.created_at_ms, state.idle_s
        for each in state.sessions:
            self._put_session(room, each, ts)
        room.host = room.sessions.get(state.host or "", room.host)

    def _make_room(self, key: RoomKey, capacity: int, listed: bool, own: OwnRules | None) -> Room | None:
        """None: its dialect is not served any more. `capacity` 0: nobody asked for any."""
        rules = self._hub.state.rules.get(key.dialect)
        if rules is None:
            return None
        room = Room(key, rules, listed, asked_capacity=None, created_at_ms=0, active_s=0.0)
        room.set_rules(rules, own)
        room.asked_capacity = capacity if capacity not in (0, room.rules.joining.capacity) else None
        return room

    def _kicked(self, record: Past, said: Said) -> None:
        """Barred anew, for the whole time: as everybody's grace, it counts from when the sidecar listens again."""
        if record.peer is not None:
            self._barred.append((_key(record), record.peer))

    def _room_created(self, record: Past, said: Said) -> None:
        room = self._make_room(_key(record), said.capacity, said.listed, said.rules)
        if room is not None:
            room.name, room.mode = said.name, said.mode
            self._new_rooms[room.key] = room

    def _room_updated(self, record: Past, said: Said) -> None:
        room = self._membership.room(_key(record))
        if room is not None:
            room.name, room.mode = said.name or room.name, said.mode or room.mode
            room.host = room.sessions.get(said.host or "", room.host)

    def _room_ruled(self, record: Past, said: Said) -> None:
        room = self._membership.room(_key(record))
        if room is not None:
            room.set_rules(self._hub.state.rules[room.key.dialect], said.rules)
            room.listed = said.listed

    def _match_found(self, record: Past, said: Said) -> None:
        room = self._new_rooms.get(_key(record))
        if room is not None:
            room.matched, room.queue = tuple(said.peers), said.queue

    def _match_queued(self, record: Past, said: Said) -> None:
        if record.dialect is not None and record.peer is not None:
            self._wait(Waiting(record.dialect, record.peer, said.size, None, round(record.ts * 1000), said.queue))

    def _match_cancelled(self, record: Past, said: Said) -> None:
        self._hub.matchmaking.forget(record.dialect or "", record.peer or "")

    def _wait(self, waiting: Waiting) -> None:
        is_served = waiting.dialect in self._hub.state.rules
        if is_served and self._membership.session_of_peer(waiting.dialect, waiting.peer) is None:
            self._hub.matchmaking.put_back(msgspec.structs.replace(waiting, connection=None))

    # --- sessions ----------------------------------------------------------------------------------------------------

    def _put_session(self, room: Room, state: SessionState, ts: float) -> None:
        session = Session(
            state.session,
            room,
            state.peer,
            None,
            state.joined_at_ms,
            state.name,
            _given(state.metadata),
            state.instance,
        )
        if state.away is not None:
            session.away = Away(state.away.ending, 0.0, set(state.away.told))
            self._graces[session.id] = ts, state.away.left_s
        session.resumption = _resumption(state.resumption)
        self._enter(room, session)

    def _enter(self, room: Room, session: Session) -> None:
        """Give the session its place, which nobody else may still have, nor it another."""
        place = (
            self._membership.session_of_peer(room.key.dialect, session.peer)
            if room.rules.joining.one_room_per_peer
            else None
        )
        for older in (self._sessions.get(session.id), room.sessions.get(session.peer), place):
            if older is not None and self._sessions.pop(older.id, None) is not None:
                self._membership.remove(older)
        if not room.sessions:
            room.host = None
        self._sessions[session.id] = session
        self._membership.enter(room, session)

    def _joined(self, record: Past, said: Said) -> None:
        key = _key(record)
        if record.session is None or record.peer is None:
            return
        room = self._membership.room(key) or self._new_rooms.pop(key, None) or self._make_room(key, 0, False, None)
        if room is None:
            return
        if not room.sessions:
            room.created_at_ms = said.joined_at_ms
        self._hub.matchmaking.forget(key.dialect, record.peer)
        session = Session(
            record.session, room, record.peer, None, said.joined_at_ms, said.name, _given(said.metadata), said.instance
        )
        session.resumption = Resumption(said.token) if said.token is not None else None
        self._enter(room, session)
        _sees_who_is_away(session)
        self._number(lambda _: PeerJoined(session.view(), room.name, room=room.key.room))

    def _resumed(self, record: Past, said: Said) -> None:
        session = self._sessions.get(record.session or "")
        if session is None:
            return
        told = session.away.told if session.away is not None else set()
        session.away = None
        if said.token is not None and session.resumption is not None:
            session.resumption.issue(said.token, said.proven)
        elif said.token is not None:
            session.resumption = Resumption(said.token)
        if session.resumption is not None:
            session.resumption.reached = session.resumption.sent
        if not said.unlisted:
            _sees_who_is_away(session)
        changes = apply_changes(session, name=said.name, metadata=_given(said.metadata), instance=said.instance)
        room = session.room.key.room
        self._number(
            lambda id_: PeerUpdated(peer=session.peer, away=False if id_ in told else None, **changes, room=room)
        )

    def _updated(self, record: Past, said: Said) -> None:
        session = self._sessions.get(record.session or "")
        if session is not None:
            changes = apply_changes(session, name=said.name, metadata=_given(said.metadata))
            self._number(lambda _: PeerUpdated(peer=session.peer, **changes, room=session.room.key.room))

    def _away(self, record: Past, said: Said) -> None:
        session = self._sessions.get(record.session or "")
        if session is not None:
            session.away = Away(said.ending, 0.0)
            own_s = self._hub.departures.grace_s(session, said.ending)
            self._graces[session.id] = record.ts, said.grace_s if said.grace_s is not None else own_s

    def _away_told(self, record: Past, said: Said) -> None:
        session = self._sessions.get(record.session or "")
        if session is not None and session.away is not None:
            session.away.told.update(said.told)
            self._number(lambda _: PeerUpdated(peer=session.peer, away=True, room=session.room.key.room))

    def _left(self, record: Past, said: Said) -> None:
        session = self._sessions.pop(record.session or "", None)
        if session is not None:
            self._membership.remove(session)
            self._number(lambda _: PeerLeft(session.peer, said.reason, session.room.name, room=session.room.key.room))

    # --- what was said -----------------------------------------------------------------------------------------------

    def _relayed(self, record: Past, said: Said) -> None:
        room = self._membership.room(_key(record))
        relayed = None
        is_durable = room is not None and room.rules.endings.durable and record.data is not None
        payload = from_json((record.data or "").encode()) if is_durable else None
        if room is not None and payload is not None:
            relayed = Relayed(record.peer or "", record.kind or "", payload, room.name, room.key.room)
        self._number(lambda _: relayed)
        self._forget_kept(record)

    def _kept(self, record: Past, said: Said) -> None:
        rules = self._hub.state.rules.get(record.dialect or "")
        is_durable = rules is not None and rules.endings.durable and record.data is not None
        self._keep(_key(record), record, from_json((record.data or "").encode()) if is_durable else None)

    def _expired(self, record: Past, said: Said) -> None:
        self._forget_kept(record)
        self._number(lambda _: Expired(record.to or "", record.room or "", said.ref))

    def _keep(self, key: RoomKey, frame: Past | KeptFrameState, payload: bytes | None) -> None:
        rules = self._hub.state.rules.get(key.dialect)
        if rules is None or rules.relays.mailbox is None or frame.to is None or frame.peer is None:
            return
        session = self._sessions.get(frame.session or "")
        kind = frame.kind or ""
        self._hub.state.mailboxes.put_back(KeptFrame(key, frame.to, frame.peer, kind, payload, session))

    def _forget_kept(self, record: Past) -> None:
        """Drop the frame that was delivered, or has expired. A relay that was never kept drops nothing.

        Nothing is kept for a peer that can be reached, so a relay to a peer with kept frames delivers one of them.
        """
        mailboxes = self._hub.state.mailboxes
        for frame in mailboxes.of(_key(record), record.to or ""):
            if (frame.sender, frame.kind) == (record.peer, record.kind):
                mailboxes.remove(frame)
                return

    def _said(self, record: Past, said: Said) -> None:
        self._number(lambda _: Notice(said.text, record.room or ""))

    def _refused(self, record: Past, said: Said) -> None:
        answer = Refused(
            Refusal(said.code, said.message), said.ref, record.kind, joined=True, c=record.c, room=record.room
        )
        self._number(lambda _: answer)

    def _number(self, message_for: Callable[[str], Numbered | None]) -> None:
        """Keep what the record's frames told each session; what cannot be made again is a gap for it."""
        for id_, s in self._told.items():
            session = self._sessions.get(id_)
            if session is not None and session.resumption is not None:
                message = message_for(id_)
                if message is None or s != session.resumption.sent + 1:  # a number is missing, or cannot be made again
                    session.resumption.forget_kept()
                session.resumption.sent = max(s, session.resumption.sent)
                if session.away is None:
                    session.resumption.reached = session.resumption.sent
                if message is not None and s == session.resumption.sent:
                    session.resumption.put_back(Kept(s, message, size_of(message)))


_NOTHING = Said()
_NUMBERS: msgspec.json.Decoder[Mapping[str, Count]] = msgspec.json.Decoder(Mapping[str, Count])


def _given(text: JsonText) -> msgspec.Raw | None:
    return None if text is UNSET else text


def _key(record: Past) -> RoomKey:
    return RoomKey(record.dialect or "", record.room or "")


def _sees_who_is_away(session: Session) -> None:
    """A list shows it, so the session was told."""
    for other in session.room.audience(session):
        if other.away is not None:
            other.away.told.add(session.id)


def _resumption(state: ResumptionState | None) -> Resumption | None:
    if state is None:
        return None
    reached = min(state.reached, state.sent)
    resumption = Resumption(state.issued, state.proven, state.answered, state.sent, state.handled, reached)
    first = state.sent - len(state.kept) + 1
    messages = [message for kept in state.kept if (message := restored(kept.message)) is not None]
    if [kept.s for kept in state.kept] == list(range(first, state.sent + 1)) and len(messages) == len(state.kept):
        for kept, message in zip(state.kept, messages, strict=True):
            resumption.put_back(Kept(kept.s, message, size_of(message)))
    return resumption
