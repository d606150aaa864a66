"""Restores sessions. A restored session has a connection only if `Restoration.is_living` says that it is still open."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import UNSET

from signaling_sidecar.hub.checkpoint import ResumptionState, SessionState, restored
from signaling_sidecar.hub.contacts import part
from signaling_sidecar.hub.membership import Away, Room, Session
from signaling_sidecar.hub.messages import PeerJoined, PeerLeft, PeerUpdated
from signaling_sidecar.hub.restoration import Past, RecordData, Restoration, Verb
from signaling_sidecar.hub.restored_rooms import RestoredRooms
from signaling_sidecar.hub.resumption import Kept, Resumption, size_of
from signaling_sidecar.hub.returns import apply_changes
from signaling_sidecar.hub.views import JsonText


class RestoredSessions:
    def __init__(self, restoration: Restoration, rooms: RestoredRooms) -> None:
        self._restoration = restoration
        self._hub = restoration.hub
        self._rooms = rooms
        self.verbs: Mapping[str, Verb] = {
            "peer.joined": self._joined,
            "peer.resumed": self._resumed,
            "peer.updated": self._updated,
            "peer.away": self._away,
            "peer.away_told": self._away_told,
            "peer.left": self._left,
            "match.returned": self._returned,
        }
        self._connected: list[tuple[int, int, Session]] = []
        """For each session in the checkpoint whose connection is still open: its index among the sessions of that
        connection (`SessionState.place`), the connection, and the session."""

    def from_checkpoint(self, room: Room, state: SessionState, ts: float) -> None:
        """Restore a session from a checkpoint that was written at `ts`."""
        session = Session(
            id=state.session,
            room=room,
            peer=state.peer,
            connection=None,
            joined_at_ms=state.joined_at_ms,
            name=state.name,
            metadata=_given(state.metadata),
            instance=state.instance,
        )
        if state.away is not None:
            session.away = Away(state.away.ending, 0.0, told=set(state.away.told))
            away_s = state.away.away_s
            self._restoration.lost_connection(session, ts - away_s, state.away.left_s + away_s)
        elif (connection := self._restoration.living(state.connection)) is not None:
            self._connected.append((state.place, connection, session))
        session.resumption = _resumption(state.resumption)
        session.own_token, session.subject = state.own_token, state.subject
        session.contacts = dict.fromkeys(state.contacts)
        session.awaits_request = state.awaits_request
        if state.replaced_s_ago:
            self._restoration.replaced_ts[session.id] = [ts - s_ago for s_ago in state.replaced_s_ago]
        self._enter(room, session)

    def connect(self) -> None:
        """Attach the open connections to the sessions of the checkpoint. Must be called when all sessions were
        added."""
        for _, connection, session in sorted(self._connected, key=lambda each: each[0]):
            if self._restoration.sessions.get(session.id) is session:
                self._connect(session, connection)

    def _connect(self, session: Session, connection: int | None) -> None:
        """Attach a connection to a session. With None, detach the connection that the session has."""
        if connection is None:
            self._hub.membership.detach(session)
        elif connection != session.connection:
            self._hub.membership.attach(session, connection)

    def _enter(self, room: Room, session: Session) -> None:
        """Add a session to its room. Remove each older session that must not exist together with it: one with the same
        id, or one of the same peer in this room or, with `one_room_per_peer`, in any room."""
        of_peer = (
            self._hub.membership.session_of_peer(room.key.dialect, session.peer)
            if room.rules.joining.one_room_per_peer
            else None
        )
        sessions = self._restoration.sessions
        for older in (sessions.get(session.id), room.sessions.get(session.peer), of_peer):
            if older is not None and sessions.pop(older.id, None) is not None:
                self._hub.membership.remove(older)
        if not room.sessions:
            room.host = None
        sessions[session.id] = session
        self._hub.membership.enter(room, session)

    def _joined(self, record: Past, data: RecordData) -> None:
        if record.session is None or record.peer is None:
            return
        room = self._rooms.to_join(record.key, data.joined_at_ms)
        if room is None:
            return
        self._hub.matchmaking.forget(room.key.dialect, record.peer)
        session = Session(
            id=record.session,
            room=room,
            peer=record.peer,
            connection=self._restoration.living(record.connection),
            joined_at_ms=data.joined_at_ms,
            name=data.name,
            metadata=_given(data.metadata),
            instance=data.instance,
            own_token=data.own_token,
            subject=data.subject,
        )
        session.resumption = Resumption(data.token) if data.token is not None else None
        self._enter(room, session)
        _learns_who_is_away(session)
        self._restoration.keep_for_told(lambda _: PeerJoined(session.view(), room.name, room=room.key.room))

    def _resumed(self, record: Past, data: RecordData) -> None:
        session = self._restoration.session(record)
        if session is None:
            return
        told = session.away.told if session.away is not None else set()
        session.away, session.awaits_request = None, data.awaits_request
        self._connect(session, self._restoration.living(record.connection))
        if data.replaced is not None and session.room.rules.joining.replacements is not None:
            self._restoration.replaced_ts.setdefault(session.id, []).append(record.ts)
        if data.token is not None and session.resumption is not None:
            session.resumption.issue(data.token, data.proven)
        elif data.token is not None:
            session.resumption = Resumption(data.token)
        if session.resumption is not None:
            session.resumption.reached = session.resumption.sent
            session.resumption.owes_ack = False
        if not data.unlisted:
            _learns_who_is_away(session)
        changes = apply_changes(session, name=data.name, metadata=_given(data.metadata), instance=data.instance)
        peer, room = session.peer, session.room.key.room
        self._restoration.keep_for_told(
            lambda id_: PeerUpdated(peer=peer, away=False if id_ in told else None, **changes, room=room)
        )

    def _updated(self, record: Past, data: RecordData) -> None:
        session = self._restoration.session(record)
        if session is not None:
            changes = apply_changes(session, name=data.name, metadata=_given(data.metadata))
            peer, room = session.peer, session.room.key.room
            self._restoration.keep_for_told(lambda _: PeerUpdated(peer=peer, **changes, room=room))

    def _away(self, record: Past, data: RecordData) -> None:
        session = self._restoration.session(record)
        if session is not None:
            session.away = Away(data.ending, 0.0)
            self._connect(session, None)
            ruled_s = self._hub.departures.grace_s(session, data.ending)
            self._restoration.lost_connection(session, record.ts, ruled_s if data.grace_s is None else data.grace_s)

    def _away_told(self, record: Past, data: RecordData) -> None:
        session = self._restoration.session(record)
        if session is not None and session.away is not None:
            session.away.told.update(data.told)
            peer, room = session.peer, session.room.key.room
            self._restoration.keep_for_told(lambda _: PeerUpdated(peer=peer, away=True, room=room))

    def _left(self, record: Past, data: RecordData) -> None:
        session = self._restoration.sessions.pop(record.session or "", None)
        if session is not None:
            if session.room.rules.announcements.tells_contacts:
                part(session, data.reason, data.ending, self._hub.state.mailboxes.callers(session))
            self._hub.membership.remove(session)
            left = PeerLeft(session.peer, data.reason, session.room.name, room=session.room.key.room)
            self._restoration.keep_for_told(lambda _: left)

    def _returned(self, record: Past, data: RecordData) -> None:
        session = self._restoration.session(record)
        if session is not None:
            session.awaits_request = False


def _given(text: JsonText) -> msgspec.Raw | None:
    return None if text is UNSET else text


def _learns_who_is_away(session: Session) -> None:
    """Remember that a peer list has told the session which peers are away now."""
    for other in session.room.audience(session):
        if other.away is not None:
            other.away.told.add(session.id)


def _resumption(state: ResumptionState | None) -> Resumption | None:
    if state is None:
        return None
    reached = min(state.reached, state.sent)
    resumption = Resumption(state.issued, state.proven, state.sent, state.handled, reached, state.owes_ack)
    first = state.sent - len(state.kept) + 1
    messages = [message for kept in state.kept if (message := restored(kept.message)) is not None]
    if [kept.s for kept in state.kept] == list(range(first, state.sent + 1)) and len(messages) == len(state.kept):
        for kept, message in zip(state.kept, messages, strict=True):
            resumption.put_back(Kept(kept.s, message, size_of(message)))
    return resumption
