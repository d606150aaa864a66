"""How a peer gets its place: as a new one, back in its old one, or not at all."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from signaling_sidecar import errors
from signaling_sidecar.errors import Code, Refusal
from signaling_sidecar.hub import commands, effects, records
from signaling_sidecar.hub.announcements import announce_join, peer_list
from signaling_sidecar.hub.departures import Departures
from signaling_sidecar.hub.effects import Effect, Send
from signaling_sidecar.hub.entry_limits import EntryLimits
from signaling_sidecar.hub.idle_rooms import IdleRooms
from signaling_sidecar.hub.membership import Room, Session
from signaling_sidecar.hub.resumption import token_hash
from signaling_sidecar.hub.returns import Returns
from signaling_sidecar.hub.rules import Challenged, Reason, SecondJoin
from signaling_sidecar.hub.state import State


class InTheWay(NamedTuple):
    """Who must prove to be alive before a join is refused on their account."""

    sessions: list[Session]
    refusal: Refusal


class Arrivals:
    def __init__(self, state: State, departures: Departures, returns: Returns, idle_rooms: IdleRooms) -> None:
        self._state = state
        self._departures = departures
        self._returns = returns
        self._idle_rooms = idle_rooms
        self._entry_limits = {
            dialect: EntryLimits(rules.entry.limit) for dialect, rules in state.rules.items() if rules.entry.limit
        }

    def join(self, join: commands.Join, now_s: float) -> list[Effect] | Refusal | InTheWay:
        current = self._state.membership.session(join.connection)
        if join.peer is not None and (join.room, join.peer) in self._state.barred:
            return errors.barred(join.room.room)
        if current is not None:
            rules = current.room.rules
            if rules.joining.second_join is SecondJoin.IGNORED:
                return []
            if current.room.key == join.room and join.peer in (None, current.peer):
                return self._returns.repeat(current, join, now_s)
            if rules.joining.second_join is SecondJoin.FORGED:
                return errors.forged_from(join.peer or "", current.peer)
        if join.token is not None:
            return self._resume(join, join.token, now_s)
        return self._refuse_try(join, now_s) or self.admit(join, now_s)

    def admit(self, join: commands.Join, now_s: float) -> list[Effect] | Refusal | InTheWay:
        """Give the peer its place, from which it leaves the one it has."""
        current = self._state.membership.session(join.connection)
        room = self._state.membership.room(join.room)
        known = _known(room, join.peer)
        refusal = _refuse_return(known, join, now_s) if known is not None else self._refuse_entry(join, current, room)
        if refusal is not None:
            sessions = _in_the_way(room, known, refusal)
            return InTheWay(sessions, refusal) if sessions else refusal
        done = self._departures.depart(current, Reason.MOVED, now_s) if current is not None else []
        done += self._returns.come_back(known, join, now_s) if known is not None else self._enter(join, now_s)
        session = self._state.membership.session(join.connection)
        if session is not None and session.room.rules.entry.secret and join.room_name is not None:
            session.secrets = (current.secrets if current is not None else frozenset()) | {join.room_name}
        return done

    def call(self, join: commands.Join, now_s: float) -> tuple[list[Effect], Session] | Refusal:
        """Move to a room where somebody is, without a word to anybody there: what is sent next says it all."""
        refusal = self._refuse_try(join, now_s)
        if refusal is not None:
            return refusal
        room = self._state.membership.room(join.room)
        if room is None or not any(session.connection is not None for session in room.sessions.values()):
            return errors.nobody_else()
        outcome = self.admit(join, now_s)
        if isinstance(outcome, InTheWay):
            return outcome.refusal
        if isinstance(outcome, Refusal):
            return outcome
        session = self._state.membership.session(join.connection)
        assert session is not None  # it was admitted
        unsaid = effects.PeerList | effects.PeerJoined
        said = [each for each in outcome if not (isinstance(each, Send) and isinstance(each.message, unsaid))]
        return said, session

    def is_exhausted(self, connection: int) -> bool:
        """Whether it has tried too many rooms, and gone on."""
        return any(limits.is_exhausted(connection) for limits in self._entry_limits.values())

    def limit_entries(self) -> None:
        """The rules are others. What was tried before counts under them."""
        for dialect, limits in self._entry_limits.items():
            limits.limit = self._state.rules[dialect].entry.limit or limits.limit

    def forget(self, connection: int) -> None:
        for limits in self._entry_limits.values():
            limits.forget(connection)

    # --- refusing --------------------------------------------------------------------------------------------------

    def _refuse_try(self, join: commands.Join, now_s: float) -> Refusal | None:
        limits = self._entry_limits.get(join.room.dialect)
        if limits is None or limits.admits(join.connection, join.address, now_s):
            return None
        return errors.too_many_tries()

    def _refuse_entry(self, join: commands.Join, current: Session | None, room: Room | None) -> Refusal | None:
        """`current` gives up its place with this join, and its room ends with it when it is alone there."""
        rules = self._state.rules[join.room.dialect]
        if join.capacity is not None and join.capacity > rules.joining.capacity:
            return errors.bad_field("capacity", f"a whole number from 1 to {rules.joining.capacity}")
        if room is None:
            return errors.no_such_room(join.room.room) if join.creates is False else self._state.refuse_room(current)
        if join.creates:
            return errors.room_taken(join.room.room)
        leaving = 1 if current is not None and current.room is room else 0
        full = len(room.sessions) - leaving >= room.capacity
        return errors.room_full(room.key.room, room.capacity) if full else None

    # --- a new place, or the old one -------------------------------------------------------------------------------

    def _enter(self, join: commands.Join, now_s: float) -> list[Effect]:
        done: list[Effect] = []
        room = self._state.membership.room(join.room)
        if room is None:
            room = self._new_room(join, now_s)
            done.append(records.of_new_room(room))
            self._idle_rooms.watch(room)
        room.active_s, old_host = now_s, room.host
        session = Session(
            id=self._state.ids.session(),
            room=room,
            peer=self._new_peer_id(room) if join.peer is None else join.peer,
            connection=join.connection,
            joined_at_ms=join.at_ms,
            name=join.name,
            metadata=join.metadata,
            instance=join.instance,
        )
        ticket = self._returns.ticket(session) if join.resumable else None
        self._state.membership.enter(room, session)
        self._state.lobby.mark_changed(room)
        record, *notices = announce_join(records.of_joined(session), session, now_s)
        done.append(record)
        if room.host is not old_host:
            done.append(records.of_new_host(room))
        return [*done, peer_list(session, join.kind, now_s, ticket), *notices]

    def _new_room(self, join: commands.Join, now_s: float) -> Room:
        rules = self._state.rules[join.room.dialect]
        mode = rules.host.modes[0] if rules.host.modes else None
        own_listed = join.rules.listed if join.rules is not None else None
        listed = next(each for each in (own_listed, join.listed, rules.entry.listed) if each is not None)
        room = Room(join.room, rules, listed, join.capacity, join.at_ms, now_s, join.room_name, mode)
        room.rule(rules, join.rules)
        return room

    def _new_peer_id(self, room: Room) -> str:
        while (peer := self._state.ids.peer()) in room.sessions:
            pass
        return peer

    # --- with a token ------------------------------------------------------------------------------------------------

    def _resume(self, join: commands.Join, token: str, now_s: float) -> list[Effect] | Refusal | InTheWay:
        """Go on with the session that the token is of; a token of no session gets a new one."""
        room = self._state.membership.room(join.room)
        session = room.sessions.get(join.peer) if room is not None and join.peer is not None else None
        if session is not None and session.resumption is not None and session.resumption.knows(token_hash(token)):
            current = self._state.membership.session(join.connection)
            done = self._departures.depart(current, Reason.MOVED, now_s) if current is not None else []
            return done + self._returns.resume(session, join, now_s)
        anew = msgspec.structs.replace(join, peer=None, token=None, resumable=True)
        outcome = self._refuse_try(anew, now_s) or self.admit(anew, now_s)
        told = Send((join.connection,), effects.NotResumed("token"))
        return [told, *outcome] if isinstance(outcome, list) else outcome


def _known(room: Room | None, peer: str | None) -> Session | None:
    """The place that the joining peer has, or may have, in the room."""
    if room is None:
        return None
    if peer is not None:
        return room.sessions.get(peer)
    if not room.rules.joining.anonymous_returns:
        return None
    return next((session for session in room.sessions.values() if session.away is not None), None)


def _refuse_return(session: Session, join: commands.Join, now_s: float) -> Refusal | None:
    """Whether the session's id is another connection's to keep."""
    rules, resumption = session.room.rules, session.resumption
    if resumption is not None:
        # The same page may ask again when it cannot have had the answer.
        asks_again = join.resumable and not resumption.answered and join.instance is not None
        return None if asks_again and join.instance == session.instance else errors.taken(session.peer)
    if join.resumable:
        return errors.taken(session.peer)
    if session.connection is None:
        return None
    if rules.joining.challenged is Challenged.THE_ID:
        return errors.connected(session.peer)
    if rules.joining.replacements is None:
        return None
    while session.replaced_s and session.replaced_s[0] <= now_s - rules.joining.replacement_window_s:
        session.replaced_s.popleft()
    if len(session.replaced_s) < rules.joining.replacements:
        return None
    return errors.replaced_too_often(session.peer, rules.joining.replacements, rules.joining.replacement_window_s)


def _in_the_way(room: Room | None, known: Session | None, refusal: Refusal) -> list[Session]:
    if room is None:
        return []
    if known is not None:
        return [known] if room.rules.joining.challenged is Challenged.THE_ID else []
    if room.rules.joining.challenged is Challenged.THE_ROOM and refusal.code is Code.ROOM_FULL:
        return [session for session in room.sessions.values() if session.connection is not None]
    return []
