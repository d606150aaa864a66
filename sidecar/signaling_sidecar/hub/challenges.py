"""Challenges other connections before a join is refused because of them, or before a peer gets a room with peers from a
queue: each connection must show that it is still alive.

A connection that was lost without a Close frame looks alive until a regular ping remains unanswered. So when a join
would be refused because of other connections, these connections are pinged at once. The join waits for their pongs.
Commands that the joining client sends until then wait for the join. The same applies to a request for a group.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from signaling_sidecar import errors
from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub import records
from signaling_sidecar.hub.admission import InTheWay
from signaling_sidecar.hub.commands import Command, Enqueue, Join, Numbered, OfServer, Refusable, Relay, Several
from signaling_sidecar.hub.deadlines import Deadlines
from signaling_sidecar.hub.effects import Challenge, Effect, Record
from signaling_sidecar.hub.matchmaking import Waiting, of_waiting

ANSWER_WITHIN_S = 2.0  # seconds; PROTOCOLS.md, "`hosted`"; clients of `hosted` wait 10 s for the answer to their join
MAX_WAITING = 64  # frames that one client may send while its join waits


@dataclass(slots=True, eq=False)
class Standoff:
    """A waiting join or request for a group, and the challenged connections whose answers it waits for."""

    asked: Join | Enqueue
    silent: set[int]
    """The challenged connections that have not answered yet."""
    relay: Relay | None = None
    """The frame for another room that the join is part of (`Relay.call`). It is relayed if the join is admitted."""
    rest: Several | None = None
    """The commands that came after the join in the same frame."""
    waiting: deque[Command] = field(default_factory=deque)
    """The commands that the client sent in later frames."""

    @property
    def command(self) -> Join | Enqueue | Relay:
        """The command that waits. The entry limits have already counted it."""
        if isinstance(self.asked, Enqueue):
            return self.asked
        join = msgspec.structs.replace(self.asked, is_counted=True)
        return join if self.relay is None else msgspec.structs.replace(self.relay, call=join)


class Challenges:
    """Keeps the joins and requests that wait, and calls `resolve` when one of them need not wait any longer: all
    challenged connections have answered, one of them has ended, or the time is up."""

    def __init__(self, deadlines: Deadlines, resolve: Callable[[Standoff, float], list[Effect]]) -> None:
        self._deadlines = deadlines
        self._resolve = resolve
        self.standoffs: dict[int, Standoff] = {}
        """The standoffs, by the connection whose join waits."""

    def begin(self, in_the_way: InTheWay, now_s: float) -> list[Effect]:
        """Challenge the connections that are in the way of the join, and let the join wait."""
        join = in_the_way.join
        challenged = {session.connection: session for session in in_the_way.sessions if session.connection is not None}
        by = {"by": join.connection}
        told = [records.of_session("peer.challenged", session, by) for session in challenged.values()]
        return self._wait(Standoff(join, set(challenged), in_the_way.relay), told, now_s)

    def begin_match(self, ask: Enqueue, others: list[Waiting], now_s: float) -> list[Effect]:
        """Challenge the connections of peers that wait in a queue, and let the request for a group wait."""
        challenged = {other.connection: other for other in others if other.connection is not None}
        told = [of_waiting("peer.challenged", other, {"by": ask.connection}) for other in challenged.values()]
        return self._wait(Standoff(ask, set(challenged)), told, now_s)

    def _wait(self, standoff: Standoff, told: list[Record], now_s: float) -> list[Effect]:
        self.standoffs[standoff.asked.connection] = standoff
        self._deadlines.at(now_s + ANSWER_WITHIN_S, lambda now_s: self._expire(standoff, now_s))
        return [*told, *(Challenge(connection) for connection in sorted(standoff.silent))]

    def hold(self, command: Command | OfServer) -> bool | Refusal:
        """Keep a command for later if the join of its client waits. Returns whether the command was kept, or a
        refusal if too many commands are kept already.

        A command that can never be refused, such as a ping, is not kept.
        """
        if not isinstance(command, Refusable | Several | Numbered):
            return False
        standoff = self.standoffs.get(command.connection)
        if standoff is None:
            return False
        if len(standoff.waiting) >= MAX_WAITING:
            return errors.waits_too_long(MAX_WAITING)
        standoff.waiting.append(command)
        return True

    def hold_rest(self, rest: Several) -> None:
        """Keep the commands that came after a waiting join in the same frame."""
        self.standoffs[rest.connection].rest = rest

    def held(self) -> list[Command]:
        """Return all commands that wait, in the order in which a hub that replaces this one must handle them."""
        held: list[Command] = []
        for standoff in self.standoffs.values():
            command, rest = standoff.command, standoff.rest
            # The commands of one frame stay together, because a frame is answered with at most one error.
            held.append(command if rest is None else msgspec.structs.replace(rest, commands=(command, *rest.commands)))
            held += standoff.waiting
        return held

    def waits_for(self, connection: int) -> Join | None:
        """Return the waiting join of the connection, or None."""
        standoff = self.standoffs.get(connection)
        return standoff.asked if standoff is not None and isinstance(standoff.asked, Join) else None

    def answered(self, connection: int, now_s: float) -> list[Effect]:
        """Decide the joins that waited only for this connection. Must be called when a challenged connection has
        answered, which proves that it is alive."""
        done: list[Effect] = []
        for standoff in self._of(connection):
            standoff.silent.discard(connection)
            if not standoff.silent:
                done += self._end(standoff, now_s)
        return done

    def gone(self, connection: int, now_s: float) -> list[Effect]:
        """Must be called when a connection has ended. If its own join waits, the join is dropped. The joins that waited
        for an answer from this connection are decided now."""
        self.standoffs.pop(connection, None)
        done: list[Effect] = []
        for standoff in self._of(connection):
            standoff.silent.clear()
            done += self._end(standoff, now_s)
        return done

    def _of(self, challenged: int) -> list[Standoff]:
        return [standoff for standoff in self.standoffs.values() if challenged in standoff.silent]

    def _expire(self, standoff: Standoff, now_s: float) -> list[Effect]:
        return self._end(standoff, now_s) if self.standoffs.get(standoff.asked.connection) is standoff else []

    def _end(self, standoff: Standoff, now_s: float) -> list[Effect]:
        del self.standoffs[standoff.asked.connection]
        return self._resolve(standoff, now_s)
