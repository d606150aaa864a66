"""Ends sessions and rooms, and keeps sessions without a connection for their peers to return."""

from __future__ import annotations

from msgspec import UNSET

from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub import commands, messages, records
from signaling_sidecar.hub.announcements import announce, announce_away, room_state, tell
from signaling_sidecar.hub.contacts import part
from signaling_sidecar.hub.effects import Close, Effect, Send
from signaling_sidecar.hub.membership import Away, Membership, Room, Session
from signaling_sidecar.hub.messages import CloseCode
from signaling_sidecar.hub.rules import Ending, Reason
from signaling_sidecar.hub.state import State


def close_or_tell(
    membership: Membership, connection: int, session: Session, code: CloseCode, reason: str
) -> Close | Send:
    """Tell a connection that it has lost `session`. A connection that has other sessions gets a message, and any other
    connection is closed."""
    if not membership.sessions(connection):
        return Close(connection, code, reason)
    return Send((connection,), messages.RoomLost(session.room.key.room, session.peer, code, reason))


class Departures:
    def __init__(self, state: State) -> None:
        self._state = state

    def leave(self, leave: commands.Leave, session: Session, now_s: float) -> list[Effect] | Refusal:
        left = messages.Left(session.room.key.room, session.peer, leave.ref or UNSET)
        return [*self.depart(session, Reason.LEFT, now_s), Send((leave.connection,), left)]

    def end_connection(self, connection: int, ending: Ending, now_s: float) -> list[Effect]:
        """End or keep the sessions of a connection that has ended, as the rules of their rooms say. A kept session
        is called "away"."""
        done: list[Effect] = []
        for session in self._state.membership.sessions(connection):
            done += self._lose_connection(session, ending, now_s)
        return done

    def _lose_connection(self, session: Session, ending: Ending, now_s: float) -> list[Effect]:
        grace_s = self.grace_s(session, ending)
        if grace_s <= 0:
            is_closed = ending is Ending.CLOSED
            return self.depart(session, Reason.CLOSED if is_closed else Reason.LOST, now_s, ending)
        record = records.of_session("peer.away", session, {"ending": ending, "grace_s": grace_s})
        self._state.membership.detach(session)
        self.keep_away(session, Away(ending, now_s + grace_s), now_s)
        return [record]

    def grace_s(self, session: Session, ending: Ending) -> float:
        """Return the grace period: how long the session is kept if its connection ends in the way `ending`."""
        rules = session.room.rules
        graces_s = rules.endings.resumable_grace_s if session.resumption is not None else None
        return (graces_s or rules.endings.grace_s)[ending]

    def keep_away(self, session: Session, away: Away, since_s: float) -> None:
        """Keep a session, which lost its connection at `since_s`, until `away.until_s`. If its peer has not returned by
        then, the session ends."""
        session.away, away.since_s = away, since_s
        notice_s = session.room.rules.endings.away_notice_s
        if notice_s is not None:
            self._state.deadlines.at(since_s + notice_s, lambda _: announce_away(session, away))
        self._state.deadlines.at(away.until_s, lambda now_s: self._give_up(session, away, now_s))

    def _give_up(self, session: Session, away: Away, now_s: float) -> list[Effect]:
        return self.depart(session, Reason.LOST, now_s, away.ending) if session.away is away else []

    def depart(self, session: Session, reason: Reason, now_s: float, ending: Ending | None = None) -> list[Effect]:
        """End the session, and tell the other peers the reason. If it was the last session in its room, the room ends
        too.

        If the session ends because its connection has ended, `ending` says how that connection ended. The ending is not
        sent to the other peers. It is written to the log, and decides which contacts are told.
        """
        room, old_host = session.room, session.room.host
        record = records.of_session("peer.left", session, {"reason": reason, **records.present(ending=ending)})
        ended = self._state.membership.remove(session)
        self._state.lobby.mark_changed(room)
        if ended:
            return [record, records.of_room("room.ended", room)]
        new_host = room.host.peer if room.host is not None and room.host is not old_host else None
        notice = messages.PeerLeft(
            session.peer, reason, room.name, new_host, room_state(room, now_s), room=room.key.room
        )
        if room.rules.announcements.tells_contacts:
            told = part(session, reason, ending, self._state.mailboxes.callers(session))
        else:
            told = room.audience(session)
        left, *notices = announce(record, told, notice)
        return [left, *([records.of_new_host(room)] if new_host is not None else []), *notices]

    def end_room(self, room: Room, *, by_admin: bool = False) -> list[Effect]:
        """End the room and all sessions in it, and tell their peers."""
        sessions = list(room.sessions.values())
        done: list[Effect] = []
        done += tell(sessions, messages.RoomEnded(room.key.room, by_admin))
        for session in sessions:
            done.append(records.of_session("peer.left", session, {"reason": Reason.ROOM_CLOSED}))
            self._state.membership.remove(session)
        self._state.lobby.mark_changed(room)
        return [*done, records.of_room("room.ended", room)]
