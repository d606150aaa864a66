"""Newcomers for whom there is no place, unless who is in their way turns out to be gone.

A half-open connection looks like a live one until its next missed pong. So it is asked at once, and the newcomer's join
and all that it sends after it wait for the answer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from signaling_sidecar import errors
from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub import records
from signaling_sidecar.hub.arrivals import InTheWay
from signaling_sidecar.hub.commands import Command, Join, Refusable
from signaling_sidecar.hub.deadlines import Deadlines
from signaling_sidecar.hub.effects import Challenge, Effect

ANSWER_WITHIN_S = 2.0  # seconds; PROTOCOLS.md, "`hosted`"; the newcomer's client waits 10 s for an answer to its join
MAX_WAITING = 64  # commands of one newcomer; at most 64 times the frame limit is kept for 2 s


@dataclass(slots=True, eq=False)
class _Standoff:
    join: Join
    silent: set[int]
    """Connections that have not answered yet."""
    waiting: deque[Command] = field(default_factory=deque)


class Challenges:
    """`resolve` is called with the join, the connections that did not answer, and what waited behind the join."""

    def __init__(
        self, deadlines: Deadlines, resolve: Callable[[Join, set[int], deque[Command], float], list[Effect]]
    ) -> None:
        self._deadlines = deadlines
        self._resolve = resolve
        self._by_newcomer: dict[int, _Standoff] = {}

    def begin(self, in_the_way: InTheWay, now_s: float) -> list[Effect]:
        join = in_the_way.join
        asked = [session for session in in_the_way.sessions if session.connection is not None]
        silent = {session.connection for session in asked if session.connection is not None}
        standoff = self._by_newcomer[join.connection] = _Standoff(join, silent)
        self._deadlines.at(now_s + ANSWER_WITHIN_S, lambda now_s: self._expire(standoff, now_s))
        done: list[Effect] = [
            records.of_session("peer.challenged", session, {"by": join.connection}) for session in asked
        ]
        return done + [Challenge(connection) for connection in sorted(silent)]

    def hold(self, command: Command) -> bool | Refusal:
        """Keep a command of a newcomer that waits; False: it is not one, or cannot wait."""
        if not self._by_newcomer or not isinstance(command, Refusable):
            return False
        standoff = self._by_newcomer.get(command.connection)
        if standoff is None:
            return False
        if len(standoff.waiting) >= MAX_WAITING:
            return errors.waits_too_long(MAX_WAITING)
        standoff.waiting.append(command)
        return True

    def waits_for(self, connection: int) -> Join | None:
        """The join of a newcomer that waits."""
        standoff = self._by_newcomer.get(connection)
        return standoff.join if standoff is not None else None

    def answered(self, connection: int, now_s: float) -> list[Effect]:
        """The connection is alive."""
        done: list[Effect] = []
        for standoff in self._of(connection):
            standoff.silent.discard(connection)
            if not standoff.silent:
                done += self._end(standoff, now_s)
        return done

    def gone(self, connection: int, now_s: float) -> list[Effect]:
        """The connection has ended: a newcomer's join with it, and somebody who was in the way is no more."""
        self._by_newcomer.pop(connection, None)
        done: list[Effect] = []
        for standoff in self._of(connection):
            standoff.silent.clear()
            done += self._end(standoff, now_s)
        return done

    def _of(self, challenged: int) -> list[_Standoff]:
        return [standoff for standoff in self._by_newcomer.values() if challenged in standoff.silent]

    def _expire(self, standoff: _Standoff, now_s: float) -> list[Effect]:
        return self._end(standoff, now_s) if self._by_newcomer.get(standoff.join.connection) is standoff else []

    def _end(self, standoff: _Standoff, now_s: float) -> list[Effect]:
        del self._by_newcomer[standoff.join.connection]
        return self._resolve(standoff.join, standoff.silent, standoff.waiting, now_s)
