"""Carries out the commands of the admin: removes a peer, ends a room, or sends a text to all peers in a room."""

from __future__ import annotations

from signaling_sidecar import errors
from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub import commands, messages, records
from signaling_sidecar.hub.announcements import announce
from signaling_sidecar.hub.departures import Departures, close_or_tell
from signaling_sidecar.hub.effects import Close, Effect
from signaling_sidecar.hub.messages import CloseCode
from signaling_sidecar.hub.rules import Reason
from signaling_sidecar.hub.state import BARRED_S, State


class Administration:
    """Each method carries out one command of the admin, or returns the refusal of this command."""

    def __init__(self, state: State, departures: Departures) -> None:
        self._state = state
        self._departures = departures

    def kick(self, kick: commands.Kick, now_s: float) -> list[Effect] | Refusal:
        room = self._state.membership.room(kick.room)
        session = room.sessions.get(kick.peer) if room is not None else None
        if session is None:
            return errors.no_such_peer(kick.peer)
        connection = session.connection
        done: list[Effect] = [records.of_session("admin.kicked", session)]
        done += self._departures.depart(session, Reason.KICKED, now_s)
        self._state.bar(kick.room, kick.peer, now_s + BARRED_S)
        if connection is None:
            return done
        return [*done, close_or_tell(self._state.membership, connection, session, CloseCode.REMOVED, "removed")]

    def close_room(self, close: commands.CloseRoom, now_s: float) -> list[Effect] | Refusal:
        room = self._state.membership.room(close.room)
        if room is None:
            return errors.no_such_room(close.room.room)
        connections = [session.connection for session in room.sessions.values() if session.connection is not None]
        done: list[Effect] = [
            records.of_room("admin.closed_room", room),
            *self._departures.end_room(room, by_admin=True),
        ]
        without_room = [each for each in connections if not self._state.membership.sessions(each)]
        return [*done, *(Close(connection, CloseCode.REMOVED, "room closed") for connection in without_room)]

    def say(self, say: commands.Say, now_s: float) -> list[Effect] | Refusal:
        room = self._state.membership.room(say.room)
        if room is None:
            return errors.no_such_room(say.room.room)
        if not room.rules.announcements.takes_notices:
            return errors.no_notices(say.room.dialect)
        record = records.of_room("admin.said", room, {"text": say.text})
        return announce(record, room.sessions.values(), messages.Notice(say.text, room.key.room))
