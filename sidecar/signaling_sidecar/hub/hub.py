"""The hub, which turns commands into effects. It does no I/O, and gets times and random ids from its caller."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TypeGuard, TypeVar, assert_never

import msgspec
from msgspec import UNSET

from signaling_sidecar import errors
from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub import commands, effects, messages, records
from signaling_sidecar.hub.administration import Administration
from signaling_sidecar.hub.admission import InTheWay
from signaling_sidecar.hub.announcements import tell_durability
from signaling_sidecar.hub.arrivals import Arrivals
from signaling_sidecar.hub.challenges import Challenges, Standoff
from signaling_sidecar.hub.commands import Carried, Command, OfAdmin, OfMember, OfServer
from signaling_sidecar.hub.deadlines import Deadlines
from signaling_sidecar.hub.departures import Departures
from signaling_sidecar.hub.effects import Effect, Record, Send
from signaling_sidecar.hub.entry_limits import LimitedDialects
from signaling_sidecar.hub.idle_rooms import IdleRooms
from signaling_sidecar.hub.lobby import Lobby
from signaling_sidecar.hub.mailbox import Mailboxes
from signaling_sidecar.hub.matchmaking import Matchmaking
from signaling_sidecar.hub.membership import Membership, Session
from signaling_sidecar.hub.messages import CloseCode
from signaling_sidecar.hub.numbered_frames import NumberedFrames
from signaling_sidecar.hub.refusals import Refusals
from signaling_sidecar.hub.returns import Returns
from signaling_sidecar.hub.rule_changes import RuleChanges
from signaling_sidecar.hub.rules import Ending, RoomRules
from signaling_sidecar.hub.state import Ids, State
from signaling_sidecar.hub.talk import Talk

Outcome = list[Effect] | Refusal
_FRAMES = Carried | commands.Numbered
M = TypeVar("M", bound=OfMember)
Result = TypeVar("Result")


class Hub:
    """Carries out commands on the rooms of all dialects, and returns what the server must do.

    The keys of `rules` are the names of the dialects. The `now_s` of a call must not be less than that of an earlier
    call. At `next_deadline_s`, `handle` must be called with a `Tick`.
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
        self.entry_limits = LimitedDialects(rules)
        self._arrivals = Arrivals(state, self.departures, returns, self.idle_rooms, self.entry_limits)
        self.matchmaking = Matchmaking(state, self.departures, returns)
        self._challenges = Challenges(self._deadlines, self._resolve)
        self._talk = Talk(state, self._arrivals)
        self._refusals = Refusals(self.membership, self.entry_limits)
        self.numbered = NumberedFrames(self.membership, self._deadlines, self._refusals, self._do)
        self._rule_changes = RuleChanges(state, self.entry_limits, self.idle_rooms)
        self._administration = Administration(state, self.departures)

    def handle(self, command: Command | OfServer, now_s: float) -> list[Effect]:
        """Carry out one command. A refused command changes no room, and only its sender is told."""
        confirmed = self._confirm_token(command) if self.state.unconfirmed else None
        done = self._do_or_hold(command, now_s)
        if confirmed:
            done = confirmed + done
        if self.entry_limits.untold:
            done += self.entry_limits.take_untold()
        return done + self.lobby.send_due(now_s) if self.lobby.behind else done

    def administer(self, command: OfAdmin, now_s: float) -> Outcome:
        """Carry out a command of the admin, or return its refusal."""
        outcome = self._do_for_admin(command, now_s)
        return outcome if isinstance(outcome, Refusal) else outcome + self.lobby.send_due(now_s)

    @property
    def next_deadline_s(self) -> float | None:
        return self._deadlines.next_s

    def waits_to_join(self, connection: int) -> commands.Join | None:
        """Return the join of this connection if it waits for the result of a challenge. Otherwise None."""
        return self._challenges.waits_for(connection)

    def held(self) -> list[Command]:
        """Return the commands that wait until challenged connections have answered: for each client, its join and then
        the commands that it has sent after the join.

        A hub that replaces this one must be given these commands in this order, because the log does not contain them.
        """
        return self._challenges.held()

    def connections(self) -> set[int]:
        """Return all connections about which the hub has state: those of peers in rooms, of peers in queues, of
        watchers of the list of rooms, and those whose join waits."""
        waiting = {each.connection for each in self.matchmaking if each.connection is not None}
        held = {*self._challenges.standoffs, *self.state.unconfirmed}
        return {*self.membership.connections, *waiting, *self.lobby.watchers(), *held}

    def in_group(self, join: commands.Join) -> commands.Join:
        """If the join asks for a group, return it with the name of the group that the peer would enter now."""
        return self._arrivals.in_group(join)

    def is_next(self, numbered: commands.Numbered) -> bool:
        """Whether the number of the command's frame is the next one, so that the command will be carried out."""
        return self.numbered.is_next(numbered)

    def _confirm_token(self, command: Command | OfServer) -> list[Effect]:
        """If this is the first frame of a client since its newest token was sent to it, conclude that the client has
        received the token.

        A join or a ping proves nothing, because a client may send these before it receives the answer with the token.
        """
        connection = getattr(command, "connection", None)
        if connection not in self.state.unconfirmed or not _is_frame_after_answer(command):
            return []
        self.state.unconfirmed.remove(connection)
        session = self.membership.session(connection)
        if session is None or session.resumption is None:
            return []
        session.resumption.heard()
        if isinstance(command, commands.Numbered) and command.c is not None and self.is_next(command):
            return []  # no record is needed: the number of this frame in the log is proof enough
        return [records.of_session("frame.acknowledged", session, {"a": 0})]

    # --- one command -------------------------------------------------------------------------------------------------

    def _do_or_hold(self, command: Command | OfServer, now_s: float) -> list[Effect]:
        """Carry out a command, or keep it while its sender waits for the answer to its join."""
        held = self._challenges.hold(command) if self._challenges.standoffs else False
        if held is True:
            return []
        outcome = held or self._outcome(command, now_s, None)
        # This tests for `list` and not for `Refusal`, because `isinstance` is much slower with a msgspec Struct.
        return outcome if isinstance(outcome, list) else self._refusals.answer(_carried(command), outcome)

    def _do(self, command: Carried, now_s: float, c: int | None) -> list[Effect]:
        """Carry out a command, and answer it with an error if it is refused. `c` is the number of its frame, or None if
        the frame has none or the session is not resumable."""
        outcome = self._outcome(command, now_s, c)
        return self._refusals.answer(command, outcome, c) if isinstance(outcome, Refusal) else outcome

    def _outcome(self, command: Command | OfServer, now_s: float, c: int | None) -> Outcome:
        """Carry out a command, or return its refusal. Frequent commands come first, because Python tests the cases in
        order."""
        match command:
            case commands.Relay():
                return self._or_challenge(self._as_member(command, self._talk.relay, now_s), now_s)
            case commands.Ping():
                return self._ping(command, now_s)
            case commands.Numbered():
                return self.numbered.handle(command, now_s)
            case commands.Update():
                return self._as_member(command, self._talk.update, now_s)
            case commands.UpdateRoom():
                return self._as_member(command, self._talk.update_room, now_s)
            case commands.Leave():
                return self._as_member(command, self.departures.leave, now_s)
            case commands.Join():
                return self._or_challenge(self._arrivals.join(command, now_s), now_s)
            case commands.Trace():
                return self._trace(command)
            case commands.Tick():
                return self._deadlines.run(now_s)
            case commands.Acknowledge():
                return []  # `NumberedFrames` has processed the numbers already
            case commands.End():
                return self._end(command, now_s)
            case commands.TellSecrets():
                return self._learn_secrets(command)
            case commands.Refuse():
                return command.refusal
            case commands.Several():
                return command.refusal or self._do_several(command, now_s, c)
            case commands.Greet():
                return [Send((command.connection,), messages.Greeting(command.peer))]
            case commands.ListRooms():
                return [
                    Send((command.connection,), self.lobby.rooms(command.dialect, command.only, command.ref or UNSET))
                ]
            case commands.WatchRooms():
                return self.lobby.watch(command, now_s)
            case commands.UnwatchRooms():
                return self.lobby.unwatch(command.connection)
            case commands.Opened():
                return self.matchmaking.opened(command, now_s)
            case commands.Enqueue():
                return self._enqueue(command, now_s)
            case commands.Alive():
                return self._challenges.answered(command.connection, now_s)
            case commands.SetRules():
                return self._rule_changes.of_dialects(command, now_s)
            case commands.SetLogState():
                return self._set_log_state(command)
            case _:
                assert_never(command)

    def _or_challenge(self, outcome: Outcome | InTheWay, now_s: float) -> Outcome:
        return self._challenges.begin(outcome, now_s) if isinstance(outcome, InTheWay) else outcome

    def _enqueue(self, ask: commands.Enqueue, now_s: float) -> Outcome:
        doubtful = self.matchmaking.doubtful(ask)
        return self._challenges.begin_match(ask, doubtful, now_s) if doubtful else self.matchmaking.enqueue(ask, now_s)

    def _as_member(self, command: M, verb: Callable[[M, Session, float], Result], now_s: float) -> Result | Outcome:
        """Call `verb` with the command, if its sender is in the room and names no other peer as the sender."""
        session = self.membership.session(command.connection, command.room)
        if session is None:
            return self._from_outside(command, now_s)
        if command.claimed_from is not None and command.claimed_from != session.peer:
            return self._refusals.of_member(command)
        session.room.active_s = now_s
        return verb(command, session, now_s)

    def _from_outside(self, command: OfMember, now_s: float) -> Outcome:
        """Handle a command whose sender is not in the room. A published frame is relayed, a `Leave` with
        `may_be_outside` does nothing, and every other command is refused."""
        if isinstance(command, commands.Relay) and self.state.is_published(command):
            return self._relay_from_outside(command, now_s)
        if isinstance(command, commands.Leave) and command.may_be_outside:
            return []
        return self._refusals.of_member(command)

    def _relay_from_outside(self, relay: commands.Relay, now_s: float) -> Outcome:
        """Relay a published frame whose sender is not in the room that the frame names."""
        assert relay.room is not None
        room = self.membership.room(relay.room)
        if room is None:
            return errors.no_such_room(relay.room.room)
        if (relay.room, relay.claimed_from) in self.state.barred:
            return errors.barred(relay.room.room)
        return self._talk.relay_from_outside(relay, room, now_s)

    def _do_for_admin(self, command: OfAdmin, now_s: float) -> Outcome:
        match command:
            case commands.Kick():
                return self._administration.kick(command, now_s)
            case commands.CloseRoom():
                return self._administration.close_room(command, now_s)
            case commands.Say():
                return self._administration.say(command, now_s)
            case commands.SetOwnRules():
                return self._rule_changes.of_room(command, now_s)
            case _:
                assert_never(command)

    # --- several commands in one frame, and joins that wait for a challenge ------------------------------------------

    def _do_several(self, several: commands.Several, now_s: float, c: int | None = None) -> list[Effect]:
        """Carry out each command independently, and tell the client only about the first refusal.

        When a join has to wait for a challenge, the commands after it wait too.
        """
        done: list[Effect] = []
        error_sent = several.error_sent
        for number, command in enumerate(several.commands, 1):
            outcome = self._outcome(command, now_s, c)
            if isinstance(outcome, Refusal):
                done += self._refusals.answer(command, outcome, c, is_told=not error_sent)
                error_sent = True
            else:
                done += outcome
            if several.connection in self._challenges.standoffs:
                rest = msgspec.structs.replace(several, commands=several.commands[number:], error_sent=error_sent)
                self._challenges.hold_rest(rest)
                break
        return done

    def _resolve(self, standoff: Standoff, now_s: float) -> list[Effect]:
        """End a challenge: close the connections that did not answer, and then carry out the join, the request for a
        group or the call, and the commands that waited for it."""
        command, rest = standoff.command, standoff.rest
        is_match = isinstance(command, commands.Enqueue)
        code, reason = (CloseCode.REFUSED, "no answer to a ping") if is_match else (CloseCode.REPLACED, "replaced")
        done: list[Effect] = []
        for connection in sorted(standoff.silent):
            done.append(effects.Close(connection, code, reason))
            done += self.matchmaking.end_connection(connection, Ending.LOST, now_s)
            done += self.departures.end_connection(connection, Ending.LOST, now_s)
        outcome: Outcome | InTheWay
        match command:
            case commands.Join():
                outcome = self._arrivals.admit(command, now_s)
            case commands.Enqueue():
                outcome = self.matchmaking.enqueue(command, now_s)
            case commands.Relay():
                outcome = self._as_member(command, self._talk.relay, now_s)
        if isinstance(outcome, InTheWay):
            outcome = outcome.refusal
        error_sent = rest is not None and rest.error_sent
        if isinstance(outcome, Refusal):
            done += self._refusals.answer(command, outcome, is_told=not error_sent)
            error_sent = True
        else:
            done += outcome
        if rest is not None:
            done += self._do_several(msgspec.structs.replace(rest, error_sent=error_sent), now_s)
        return done + self._do_waiting(standoff.waiting, now_s)

    def _do_waiting(self, waiting: deque[Command], now_s: float) -> list[Effect]:
        done: list[Effect] = []
        for command in waiting:
            done += self._do_or_hold(command, now_s)
        return done

    # --- the rest ----------------------------------------------------------------------------------------------------

    def _end(self, end: commands.End, now_s: float) -> list[Effect]:
        self.lobby.unwatch(end.connection)
        self.state.unconfirmed.discard(end.connection)
        self.entry_limits.forget(end.connection)
        done = self.matchmaking.end_connection(end.connection, end.ending, now_s)
        done += self.departures.end_connection(end.connection, end.ending, now_s)
        return done + self._challenges.gone(end.connection, now_s)

    def _learn_secrets(self, told: commands.TellSecrets) -> list[Effect]:
        """Restore the secret names of rooms, which records and checkpoints must not contain."""
        names = dict(told.names)
        for session in self.membership.sessions(told.connection):
            if session.room.rules.entry.secret and session.room.key in names:
                session.room.name = names[session.room.key]
                session.secrets = frozenset(names.values())
        return []

    def _ping(self, ping: commands.Ping, now_s: float) -> list[Effect]:
        for session in self.membership.sessions(ping.connection):
            session.room.active_s = now_s
        return [Send((ping.connection,), messages.Pong(ping.ref or UNSET))]

    def _trace(self, trace: commands.Trace) -> Outcome:
        session = self.membership.session(trace.connection, trace.room)
        size = len(trace.payload)
        if session is None:
            return [Record("trace.state", trace.dialect, connection=trace.connection, size=size, data=trace.payload)]
        if trace.claimed_from not in (None, session.peer):
            return errors.forged_from(trace.claimed_from or "", session.peer)
        return [records.of_session("trace.state", session, trace.payload, size=size)]

    def _set_log_state(self, change: commands.SetLogState) -> list[Effect]:
        self.state.log_is_written = change.is_written
        done: list[Effect] = []
        for room in self.membership.rooms:
            if room.rules.endings.durable:
                done += tell_durability(room, is_durable=change.is_written)
        return done


def _is_frame_after_answer(command: Command | OfServer) -> TypeGuard[Carried | commands.Numbered]:
    """Whether the command is a frame that a client sends only after it has received the answer to its join."""
    if isinstance(command, commands.Refuse):
        return command.is_told  # a frame that is refused without an error may have been sent before the answer
    return isinstance(command, _FRAMES) and not isinstance(command, commands.Join | commands.Ping)


def _carried(command: Command | OfServer) -> Carried:
    """Return a refused command, without the numbers on its frame. Only commands of clients can be refused."""
    if isinstance(command, commands.Numbered):
        return command.command
    assert isinstance(command, Carried)
    return command
