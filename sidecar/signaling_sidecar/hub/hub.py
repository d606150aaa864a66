"""The hub: a command in, effects out. No I/O, no clock, no randomness of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from signaling_sidecar import errors
from signaling_sidecar.errors import Code, Refusal
from signaling_sidecar.hub import commands, effects, records
from signaling_sidecar.hub.administration import Administration
from signaling_sidecar.hub.announcements import announce, tell
from signaling_sidecar.hub.arrivals import Arrivals, InTheWay
from signaling_sidecar.hub.challenges import Challenges
from signaling_sidecar.hub.commands import Command, OfAdmin, Refusable
from signaling_sidecar.hub.deadlines import Deadlines
from signaling_sidecar.hub.departures import Departures
from signaling_sidecar.hub.effects import Effect, Record, Send
from signaling_sidecar.hub.idle_rooms import IdleRooms
from signaling_sidecar.hub.lobby import Lobby
from signaling_sidecar.hub.mailbox import Mailboxes
from signaling_sidecar.hub.matchmaking import Matchmaking
from signaling_sidecar.hub.membership import Membership, Session
from signaling_sidecar.hub.resumption import Resumption
from signaling_sidecar.hub.returns import Returns
from signaling_sidecar.hub.rule_changes import RuleChanges
from signaling_sidecar.hub.rules import Ending, RoomRules
from signaling_sidecar.hub.state import Ids, State
from signaling_sidecar.hub.talk import Talk

ACK_WITHIN_S = 1.0  # seconds; PROTOCOLS.md, "Resuming a session"
NOT_COUNTED = frozenset((Code.OUT_OF_ORDER, Code.TOO_FAST))
"""Refusals of frames whose number is to be sent again."""
Outcome = list[Effect] | Refusal
OfMember = Callable[[Any, Session, float], Outcome]


class Hub:
    """All rooms of all dialects.

    `rules` is by dialect name. `handle` is called with a `now_s` that never goes back, and with a `Tick` when
    `next_deadline_s` has come.
    """

    def __init__(self, rules: Mapping[str, RoomRules], max_rooms: int, ids: Ids) -> None:
        self.membership = Membership()
        self._deadlines = Deadlines()
        self.lobby = Lobby(self.membership, self._deadlines)
        mailboxes = Mailboxes(self._deadlines)
        self.state = state = State(rules, max_rooms, ids, self._deadlines, self.membership, self.lobby, mailboxes)
        self.departures = Departures(state)
        returns = Returns(state)
        self.idle_rooms = IdleRooms(state, self.departures.end_room)
        self._arrivals = Arrivals(state, self.departures, returns, self.idle_rooms)
        self.matchmaking = Matchmaking(state, self.departures, returns)
        self._challenges = Challenges(self._deadlines, self._resolve)
        talk = Talk(state, self._arrivals)
        rule_changes = RuleChanges(state, self._arrivals, self.idle_rooms)
        administration = Administration(state, self.departures)
        self._admin_verbs: dict[type, Callable[[Any, float], Outcome]] = {
            commands.SetOwnRules: rule_changes.of_room,
            commands.Kick: administration.kick,
            commands.CloseRoom: administration.close_room,
            commands.Say: administration.say,
        }
        self._verbs: dict[type, Callable[[Any, float], Outcome]] = {
            commands.Join: self._join,
            commands.Opened: self.matchmaking.opened,
            commands.Enqueue: self.matchmaking.enqueue,
            commands.Leave: self._of_member(self.departures.leave),
            commands.Relay: self._of_member(talk.relay),
            commands.Update: self._of_member(talk.update),
            commands.UpdateRoom: self._of_member(talk.update_room),
            commands.Trace: self._trace,
            commands.ListRooms: self._list_rooms,
            commands.WatchRooms: self._watch_rooms,
            commands.UnwatchRooms: self._unwatch_rooms,
            commands.Acknowledge: self._acknowledge,
            commands.Ping: self._ping,
            commands.Refuse: self._refuse,
            commands.Numbered: self._numbered,
            commands.Alive: self._alive,
            commands.End: self._end,
            commands.SetRules: rule_changes.of_dialects,
            commands.SetLogState: self._set_log_state,
            commands.Tick: self._tick,
        }

    def handle(self, command: Command, now_s: float) -> list[Effect]:
        """Carry out one command. A refused one changes nothing, and only its sender is told."""
        return self._wait_or_do(command, now_s) + self.lobby.send_due(now_s)

    def administer(self, command: OfAdmin, now_s: float) -> Outcome:
        """Carry out what the admin asks for, who is told of a refusal otherwise than peers are."""
        outcome = self._admin_verbs[type(command)](command, now_s)
        return outcome if isinstance(outcome, Refusal) else outcome + self.lobby.send_due(now_s)

    @property
    def next_deadline_s(self) -> float | None:
        return self._deadlines.next_s

    def waits_to_join(self, connection: int) -> commands.Join | None:
        """What the connection has asked for and is not answered yet."""
        return self._challenges.waits_for(connection)

    def is_next(self, numbered: commands.Numbered) -> bool:
        """Whether it will be carried out; else it is a repeat, or too early."""
        session = self.membership.session(numbered.connection)
        if session is None or session.resumption is None or numbered.c is None:
            return True
        return numbered.c == session.resumption.handled + 1

    def _wait_or_do(self, command: Command, now_s: float) -> list[Effect]:
        waits = self._challenges.hold(command)
        if isinstance(waits, Refusal):
            return self._answer(command, waits)
        return [] if waits else self._do(command, now_s)

    def _do(self, command: Command, now_s: float, c: int | None = None) -> list[Effect]:
        outcome = self._verbs[type(command)](command, now_s)
        return self._answer(command, outcome, c) if isinstance(outcome, Refusal) else outcome

    def _answer(self, command: Command, refusal: Refusal, c: int | None = None) -> list[Effect]:
        assert isinstance(command, Refusable)
        session = self._session_answered(command)
        record = records.of_refusal(command, refusal, session)
        answer = effects.Refused(
            refusal,
            command.ref or UNSET,
            command.kind,
            joined=bool(self.membership.sessions(command.connection)),
            c=c,
            room=record.room,
        )
        if session is not None and session.resumption is not None:
            if c is not None:
                return announce(record, [session], answer)
            if refusal.code in NOT_COUNTED:
                answer = msgspec.structs.replace(answer, handled=session.resumption.handled)
        done: list[Effect] = [record, Send((command.connection,), answer)]
        if self._arrivals.is_exhausted(command.connection):
            done.append(effects.Close(command.connection, effects.CloseCode.REFUSED, refusal.code))
        return done

    def _session_answered(self, command: Refusable) -> Session | None:
        """The session that a refusal concerns: the one in the room that the command names, or the only one."""
        named = command.room if isinstance(command, commands.OfMember | commands.Trace) else None
        here = self.membership.session(command.connection, named)
        return here if here is not None or named is None else self.membership.session(command.connection)

    def _of_member(self, verb: OfMember) -> Callable[[commands.OfMember, float], Outcome]:
        """A command that only a peer in a room can give, and only for itself."""

        def checked(command: commands.OfMember, now_s: float) -> Outcome:
            session = self.membership.session(command.connection, command.room)
            if session is None or (command.claimed_from is not None and command.claimed_from != session.peer):
                return self._refuse_member(command)
            session.room.active_s = now_s
            if session.resumption is not None:
                session.resumption.heard()
            return verb(command, session, now_s)

        return checked

    def _refuse_member(self, command: commands.OfMember) -> Refusal:
        """Why the connection cannot give this command: it is in no such room, or has another peer id there."""
        sessions = self.membership.sessions(command.connection)
        if not sessions:
            return errors.not_joined(command.kind)
        if command.claimed_from is not None and all(command.claimed_from != session.peer for session in sessions):
            return errors.forged_from(command.claimed_from, sessions[0].peer)
        if command.room is None:
            return errors.which_room(command.kind)
        session = self.membership.session(command.connection, command.room)
        if session is None:
            return errors.other_room(command.room.room)
        return errors.forged_from(command.claimed_from or "", session.peer)

    def _numbered(self, numbered: commands.Numbered, now_s: float) -> list[Effect]:
        """Carry out the client's own numbers in order, each once."""
        command, c = numbered.command, numbered.c
        session = self.membership.session(numbered.connection)
        resumption = session.resumption if session is not None else None
        if session is None or resumption is None:
            return self._do(command, now_s)
        resumption.heard()
        if numbered.a is not None:
            resumption.acknowledged(numbered.a)
        if c is None:
            return self._do(command, now_s)
        if c <= resumption.handled:
            return []
        if c > resumption.handled + 1:
            refusal = errors.out_of_order(c, resumption.handled)
            if not isinstance(command, Refusable):  # what asks for nothing that could be refused can still be too early
                command = commands.Refuse(connection=numbered.connection, refusal=refusal)
            return self._answer(command, refusal)
        resumption.handled = c
        self._owe_ack(session, resumption, now_s)
        try:
            done = self._do(command, now_s, c)
        except Exception:
            resumption.handled = c - 1  # a fault of ours: what is handled under this number is its refusal
            raise
        return records.numbered(done, session, c)

    def _owe_ack(self, session: Session, resumption: Resumption, now_s: float) -> None:
        if not resumption.owes_ack:
            resumption.owes_ack = True
            self._deadlines.at(now_s + ACK_WITHIN_S, lambda _: _ack(session, resumption))

    # --- joining, and the challenges before it -----------------------------------------------------------------------

    def _join(self, join: commands.Join, now_s: float) -> Outcome:
        outcome = self._arrivals.join(join, now_s)
        return self._challenges.begin(outcome, now_s) if isinstance(outcome, InTheWay) else outcome

    def _alive(self, alive: commands.Alive, now_s: float) -> list[Effect]:
        return self._challenges.answered(alive.connection, now_s)

    def _resolve(self, join: commands.Join, silent: set[int], waiting: deque[Command], now_s: float) -> list[Effect]:
        """The challenge of a join is over: who was silent has lost its connection, and what waited goes on."""
        done: list[Effect] = []
        for connection in sorted(silent):
            done.append(effects.Close(connection, effects.CloseCode.REPLACED, "replaced"))
            done += self.departures.end_connection(connection, Ending.LOST, now_s)
        outcome = self._arrivals.admit(join, now_s)
        if isinstance(outcome, InTheWay):
            outcome = outcome.refusal
        done += self._answer(join, outcome) if isinstance(outcome, Refusal) else outcome
        for command in waiting:
            done += self._wait_or_do(command, now_s)
        return done

    # --- ending ----------------------------------------------------------------------------------------------------

    def _end(self, end: commands.End, now_s: float) -> list[Effect]:
        self.lobby.unwatch(end.connection)
        self._arrivals.forget(end.connection)
        done = self.matchmaking.end(end.connection, end.ending)
        done += self.departures.end_connection(end.connection, end.ending, now_s)
        return done + self._challenges.gone(end.connection, now_s)

    # --- small talk, and time ----------------------------------------------------------------------------------------

    def _ping(self, ping: commands.Ping, now_s: float) -> list[Effect]:
        for session in self.membership.sessions(ping.connection):
            session.room.active_s = now_s
        return [Send((ping.connection,), effects.Pong(ping.ref or UNSET))]

    def _acknowledge(self, command: commands.Acknowledge, now_s: float) -> list[Effect]:
        return []

    def _refuse(self, refuse: commands.Refuse, now_s: float) -> Refusal:
        return refuse.refusal

    def _trace(self, trace: commands.Trace, now_s: float) -> list[Effect]:
        session = self.membership.session(trace.connection, trace.room)
        size = len(trace.payload)
        if session is not None:
            if session.resumption is not None:
                session.resumption.heard()
            return [records.of_session("trace.state", session, trace.payload, size=size)]
        return [Record("trace.state", trace.dialect, connection=trace.connection, size=size, data=trace.payload)]

    def _list_rooms(self, command: commands.ListRooms, now_s: float) -> list[Effect]:
        return [Send((command.connection,), self.lobby.rooms(command.dialect))]

    def _watch_rooms(self, command: commands.WatchRooms, now_s: float) -> list[Effect]:
        return self.lobby.watch(command.connection, command.dialect, now_s)

    def _unwatch_rooms(self, command: commands.UnwatchRooms, now_s: float) -> list[Effect]:
        self.lobby.unwatch(command.connection)
        return []

    def _set_log_state(self, change: commands.SetLogState, now_s: float) -> list[Effect]:
        self.state.log_is_written = change.is_written
        done: list[Effect] = []
        for room in self.membership.rooms:
            if room.rules.endings.durable:  # nobody else was told that its session is
                resumable = [session for session in room.sessions.values() if session.resumption is not None]
                done += tell(resumable, effects.Durability(change.is_written))
        return done

    def _tick(self, _: commands.Tick, now_s: float) -> list[Effect]:
        return self._deadlines.run(now_s)


def _ack(session: Session, resumption: Resumption) -> list[Effect]:
    """Tell what was handled, when no frame has since."""
    if session.connection is None or session.resumption is not resumption:
        return []
    handled = resumption.take_ack()
    return [Send((session.connection,), effects.Ack(handled))] if handled is not None else []
