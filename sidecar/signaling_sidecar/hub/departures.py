"""How a peer's stay ends, and a room's."""

from __future__ import annotations

from signaling_sidecar import errors
from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub import commands, effects, records
from signaling_sidecar.hub.announcements import announce, announce_away, room_state, tell
from signaling_sidecar.hub.effects import Effect, Send
from signaling_sidecar.hub.membership import Away, Room, Session
from signaling_sidecar.hub.rules import Ending, Reason
from signaling_sidecar.hub.state import State


class Departures:
    def __init__(self, state: State) -> None:
        self._state = state

    def leave(self, leave: commands.Leave, session: Session, now_s: float) -> list[Effect] | Refusal:
        if leave.room is not None and leave.room != session.room.key.room:
            return errors.other_room(leave.room)
        return [*self.depart(session, Reason.LEFT, now_s), Send((leave.connection,), effects.Left())]

    def end(self, connection: int, ending: Ending, now_s: float) -> list[Effect]:
        """The connection is gone: its peer keeps its place for as long as the rules say."""
        session = self._state.membership.session(connection)
        if session is None:
            return []
        grace_s = self.grace_s(session, ending)
        if grace_s <= 0:
            return self.depart(session, Reason.CLOSED if ending is Ending.CLOSED else Reason.LOST, now_s)
        record = records.of_session("peer.away", session, {"ending": ending, "grace_s": grace_s})
        self._state.membership.detach(session)
        self.keep_place(session, Away(ending, now_s + grace_s), now_s)
        return [record]

    def grace_s(self, session: Session, ending: Ending) -> float:
        rules = session.room.rules
        graces_s = rules.endings.resumable_grace_s if session.resumption is not None else None
        return (graces_s or rules.endings.grace_s)[ending]

    def keep_place(self, session: Session, away: Away, now_s: float) -> None:
        """The session is away from now on, for as long as `away` says."""
        session.away = away
        notice_s = session.room.rules.endings.away_notice_s
        if notice_s is not None:
            self._state.deadlines.at(now_s + notice_s, lambda _: announce_away(session, away))
        self._state.deadlines.at(away.until_s, lambda now_s: self._give_up(session, away, now_s))

    def _give_up(self, session: Session, away: Away, now_s: float) -> list[Effect]:
        return self.depart(session, Reason.LOST, now_s) if session.away is away else []

    def depart(self, session: Session, reason: Reason, now_s: float) -> list[Effect]:
        """End the session; its room ends with its last."""
        room, old_host = session.room, session.room.host
        record = records.of_session("peer.left", session, {"reason": reason})
        ended = self._state.membership.remove(session)
        self._state.lobby.mark_changed(room)
        if ended:
            return [record, records.of_room("room.ended", room)]
        new_host = room.host.peer if room.host is not None and room.host is not old_host else None
        notice = effects.PeerLeft(session.peer, reason, room.name, new_host, room_state(room, now_s))
        left, *notices = announce(record, room.sessions.values(), notice)
        return [left, *([records.of_new_host(room)] if new_host is not None else []), *notices]

    def end_room(self, room: Room) -> list[Effect]:
        """End it, and with it the stay of everybody in it."""
        sessions = list(room.sessions.values())
        done: list[Effect] = []
        done += tell(sessions, effects.RoomEnded())
        for session in sessions:
            done.append(records.of_session("peer.left", session, {"reason": Reason.ROOM_CLOSED}))
            self._state.membership.remove(session)
        self._state.lobby.mark_changed(room)
        return [*done, records.of_room("room.ended", room)]
