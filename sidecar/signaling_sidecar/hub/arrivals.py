"""Carries out joins: a peer enters a room with a new session, returns to the session that it has there, or is
refused."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from signaling_sidecar import errors
from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub import commands, messages, records
from signaling_sidecar.hub.admission import InTheWay, in_the_way, is_another_client, refuse_return, session_of
from signaling_sidecar.hub.announcements import announce_join, peer_list
from signaling_sidecar.hub.departures import Departures
from signaling_sidecar.hub.effects import Effect, Send
from signaling_sidecar.hub.entry_limits import LimitedDialects
from signaling_sidecar.hub.grant import subject_of
from signaling_sidecar.hub.idle_rooms import IdleRooms
from signaling_sidecar.hub.membership import Room, Session
from signaling_sidecar.hub.resumption import token_hash
from signaling_sidecar.hub.returns import Returns
from signaling_sidecar.hub.rules import Reason, SecondJoin
from signaling_sidecar.hub.state import State


class Arrivals:
    def __init__(
        self,
        state: State,
        departures: Departures,
        returns: Returns,
        idle_rooms: IdleRooms,
        entry_limits: LimitedDialects,
    ) -> None:
        self._state = state
        self._departures = departures
        self._returns = returns
        self._idle_rooms = idle_rooms
        self._entry_limits = entry_limits

    def join(self, join: commands.Join, now_s: float) -> list[Effect] | Refusal | InTheWay:
        """Carry out a join. Returns an `InTheWay` if other connections must be challenged before the join is admitted
        or refused."""
        join = self.in_group(join)
        current = self._session_to_replace(join)
        join = self._with_known_id(join, current)
        if (refusal := self._refuse_barred(join)) is not None:
            return refusal
        if current is not None:
            second_join = current.room.rules.joining.second_join
            if second_join is SecondJoin.IGNORED:
                return []
            if current.room.key == join.room and join.peer in (None, current.peer):
                return self._returns.repeat(current, join, now_s)
            if second_join is SecondJoin.FORGED:
                return errors.forged_from(join.peer or "", current.peer)
        if join.token is not None:
            return self._resume(join, join.token, now_s)
        return self._refuse_try(join, now_s) or self.admit(join, now_s)

    def admit(self, join: commands.Join, now_s: float) -> list[Effect] | Refusal | InTheWay:
        """Let the peer into the room. If its connection is in another room, and the rules allow only one room, the peer
        leaves the other room first."""
        current = self._session_to_replace(join)
        # The admin may have removed the peer while the join waited for the result of a challenge.
        refusal = self._refuse_barred(join) or self._refuse_another_room(join, current)
        if refusal is not None:
            return refusal
        room = self._state.membership.room(join.room)
        known = session_of(join.peer, room, subject_of(join.grant))
        refusal = refuse_return(known, join, now_s) if known is not None else self._refuse_entry(join, current, room)
        if refusal is not None:
            sessions = in_the_way(room, known, refusal)
            return InTheWay(join, sessions, refusal) if sessions else refusal
        done = self._departures.depart(current, Reason.MOVED, now_s) if current is not None else []
        if known is not None and is_another_client(known, join):
            done += self._departures.depart(known, Reason.LOST, now_s)
            known = None
        if room is not None and room.rules.entry.secret:
            room.name = join.room_name  # a restored hub does not know the secret name, because no record contains it
        done += self._returns.come_back(known, join, now_s) if known is not None else self._enter(join, now_s)
        session = self._state.membership.session(join.connection, join.room)
        if session is not None and session.room.rules.entry.secret and join.room_name is not None:
            session.secrets = (current.secrets if current is not None else frozenset()) | {join.room_name}
        return done

    def in_group(self, join: commands.Join) -> commands.Join:
        """If the join asks for a group, return it with the name and the number of the group that the peer would enter
        now. Otherwise return it unchanged."""
        if join.group != 0:
            return join
        key, number = self._state.membership.group(join.room, join.peer, join.connection)
        return msgspec.structs.replace(join, room=key, group=number)

    def call(self, join: commands.Join, now_s: float) -> tuple[list[Effect], Session] | Refusal | InTheWay:
        """Move the peer to a room in which another peer is connected, because the moved peer is about to send a frame
        there.

        The peers in that room get no message about the move, because the frame itself tells them that the peer has
        come.
        """
        refusal = self._refuse_try(join, now_s)
        if refusal is not None:
            return refusal
        room = self._state.membership.room(join.room)
        if room is None or not any(session.connection is not None for session in room.sessions.values()):
            return errors.nobody_else()
        outcome = self.admit(join, now_s)
        if isinstance(outcome, Refusal | InTheWay):
            return outcome
        session = self._state.membership.session(join.connection, join.room)
        assert session is not None  # it was admitted
        unsent = messages.PeerList | messages.PeerJoined
        done = [each for each in outcome if not (isinstance(each, Send) and isinstance(each.message, unsent))]
        return done, session

    # --- what a join repeats or replaces -----------------------------------------------------------------------------

    def _session_to_replace(self, join: commands.Join) -> Session | None:
        """Return the connection's session that the join repeats or replaces, or None.

        This is the connection's session in the room of the join. If the connection has none there, and the rules allow
        it only one room, this is its session in another room.
        """
        sessions = self._state.membership.sessions(join.connection)
        if not sessions:
            return None
        here = self._state.membership.session(join.connection, join.room)
        takes_one_room = self._state.rules[join.room.dialect].joining.rooms_per_connection == 1
        return sessions[0] if here is None and takes_one_room else here

    def _with_known_id(self, join: commands.Join, current: Session | None) -> commands.Join:
        """Add a peer id to a join without one: the id that its connection has in another room of the dialect. If a peer
        in the room of the join has this id already, return the join unchanged."""
        if join.peer is not None or current is not None:
            return join
        room = self._state.membership.room(join.room)
        for session in self._state.membership.sessions(join.connection):
            if session.room.key.dialect == join.room.dialect and (room is None or session.peer not in room.sessions):
                return msgspec.structs.replace(join, peer=session.peer)
        return join

    # --- refusing --------------------------------------------------------------------------------------------------

    def _refuse_barred(self, join: commands.Join) -> Refusal | None:
        return errors.barred(join.room.room) if (join.room, join.peer) in self._state.barred else None

    def _refuse_try(self, join: commands.Join, now_s: float) -> Refusal | None:
        if join.is_counted or self._entry_limits.admits(join.room.dialect, join.connection, join.address, now_s):
            return None
        return errors.too_many_tries()

    def _refuse_entry(self, join: commands.Join, current: Session | None, room: Room | None) -> Refusal | None:
        """Return a refusal if no new session can enter the room, or None. The join ends the session `current`. So the
        limits do not count that session, and do not count its room if no other session is in it."""
        rules = self._state.rules[join.room.dialect]
        if join.capacity is not None and join.capacity > rules.joining.capacity:
            return errors.bad_field("capacity", f"a whole number from 1 to {rules.joining.capacity}")
        if room is None:
            if join.creates is False:
                return errors.no_such_room(join.room.room)
            may_create = join.grant is None or join.grant.may_create
            return self._state.refuse_room(current) if may_create else errors.may_not_create(join.room.room)
        if join.creates:
            return errors.room_taken(join.room.room)
        leaving = 1 if current is not None and current.room is room else 0
        full = room.is_complete or len(room.sessions) - leaving >= room.capacity
        return errors.room_full(room.key.room, room.capacity) if full else None

    def _refuse_another_room(self, join: commands.Join, current: Session | None) -> Refusal | None:
        """Return a refusal if the join would put its connection into too many rooms, or None. The session `current`
        does not count, because the join ends it."""
        limit = self._state.rules[join.room.dialect].joining.rooms_per_connection
        remaining = len(self._state.membership.sessions(join.connection)) - (1 if current is not None else 0)
        return errors.too_many_joined(limit) if remaining >= limit else None

    # --- a new session, or an old one --------------------------------------------------------------------------------

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
            own_token=token_hash(join.own_token) if join.own_token is not None else None,
            subject=subject_of(join.grant),
        )
        ticket = self._returns.ticket(session, join.connection) if join.resumable else None
        self._state.membership.enter(room, session)
        self._state.lobby.mark_changed(room)
        record, *notices = announce_join(records.of_joined(session), session, now_s)
        done.append(record)
        if room.host is not old_host:
            done.append(records.of_new_host(room))
        return [*done, peer_list(session, join, now_s, ticket), *notices, *self._state.mailboxes.deliver(session)]

    def _new_room(self, join: commands.Join, now_s: float) -> Room:
        rules = self._state.rules[join.room.dialect]
        mode = rules.host.modes[0] if rules.host.modes else None
        listed = rules.entry.listed if join.listed is None else join.listed
        room = Room(join.room, rules, listed, join.capacity, join.at_ms, now_s, join.room_name, mode, group=join.group)
        room.set_rules(rules, join.rules)
        return room

    def _new_peer_id(self, room: Room) -> str:
        while (peer := self._state.ids.peer()) in room.sessions:
            pass
        return peer

    # --- with a token ------------------------------------------------------------------------------------------------

    def _resume(self, join: commands.Join, token: str, now_s: float) -> list[Effect] | Refusal | InTheWay:
        """Resume the session that the token belongs to. If the token is unknown, or the session belongs to another
        subject, the client gets a new session."""
        room = self._state.membership.room(join.room)
        session = room.sessions.get(join.peer) if room is not None and join.peer is not None else None
        if session is not None and session.subject != subject_of(join.grant):
            session = None
        if session is not None and session.resumption is not None and session.resumption.knows(token_hash(token)):
            current = self._session_to_replace(join)
            done = self._departures.depart(current, Reason.MOVED, now_s) if current is not None else []
            return done + self._returns.resume(session, join, now_s)
        only_id = join.grant.peer if join.grant is not None else None
        new_join = msgspec.structs.replace(join, peer=only_id, token=None, resumable=True)
        outcome = self._refuse_try(new_join, now_s) or self.admit(new_join, now_s)
        told = Send((join.connection,), messages.NotResumed("token", join.ref or UNSET))
        return [told, *outcome] if isinstance(outcome, list) else outcome
