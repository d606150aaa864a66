"""Rooms in which nobody has said anything for long, where the rules end them."""

from __future__ import annotations

from collections.abc import Callable

from signaling_sidecar.hub.effects import Effect
from signaling_sidecar.hub.membership import Room
from signaling_sidecar.hub.state import State

MAX_LATE = 0.05  # of the limit; a sweep looks at every room, so it is not made for each one's very moment


class IdleRooms:
    """One sweep at a time for all rooms: a deadline for each would keep a room in memory long after its end."""

    def __init__(self, state: State, end_room: Callable[[Room], list[Effect]]) -> None:
        self._state = state
        self._end_room = end_room
        self._sweeping = False
        self._turn = 0
        """Counts up when the rules change: a sweep that was asked for under other rules is none."""

    def watch(self, room: Room) -> None:
        """Look after a new room."""
        if room.rules.endings.idle_s is not None and not self._sweeping:
            self._sweeping = True
            self._sweep_at(room.active_s + room.rules.endings.idle_s)

    def sweep_anew(self, now_s: float) -> None:
        """The rules are others."""
        self._turn += 1
        self._sweep_at(now_s)

    def _sweep_at(self, when_s: float) -> None:
        turn = self._turn
        self._state.deadlines.at(when_s, lambda now_s: self._sweep(now_s) if turn == self._turn else [])

    def _sweep(self, now_s: float) -> list[Effect]:
        done: list[Effect] = []
        next_s: list[float] = []
        for room in self._state.membership.rooms:
            if room.rules.endings.idle_s is None:
                continue
            if room.active_s + room.rules.endings.idle_s <= now_s:
                done += self._end_room(room)
            else:
                soonest_s = now_s + room.rules.endings.idle_s * MAX_LATE
                next_s.append(max(room.active_s + room.rules.endings.idle_s, soonest_s))
        self._sweeping = bool(next_s)
        if next_s:
            self._sweep_at(min(next_s))
        return done
