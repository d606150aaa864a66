"""Ends rooms whose peers have not sent anything for as long as the rules allow (`Endings.idle_s`)."""

from __future__ import annotations

from collections.abc import Callable

from signaling_sidecar.hub.effects import Effect
from signaling_sidecar.hub.membership import Room
from signaling_sidecar.hub.state import State

MAX_LATE = 0.05  # a room may end late by up to this fraction of `idle_s`, so that sweeps are rare


class IdleRooms:
    """Checks all rooms together in sweeps. A deadline for each room would keep the room in memory after its end."""

    def __init__(self, state: State, end_room: Callable[[Room], list[Effect]]) -> None:
        self._state = state
        self._end_room = end_room
        self._sweeping = False
        self._changes = 0
        """How many times the rules have changed. A sweep that was scheduled before the last change does nothing."""

    def watch(self, room: Room) -> None:
        """Schedule a sweep when a room is created, if none is scheduled yet."""
        if room.rules.endings.idle_s is not None and not self._sweeping:
            self._sweeping = True
            self._sweep_at(room.active_s + room.rules.endings.idle_s)

    def watch_all(self) -> None:
        """Schedule a sweep of the rooms in a restored hub, at the earliest time at which one of them may end."""
        idle_s = {room: room.rules.endings.idle_s for room in self._state.membership.rooms}
        ends_s = [room.active_s + its_s for room, its_s in idle_s.items() if its_s is not None]
        if ends_s:
            self._sweeping = True
            self._sweep_at(min(ends_s))

    def restart(self, now_s: float) -> None:
        """Sweep at once, because the rules have changed."""
        self._changes += 1
        self._sweeping = True
        self._sweep_at(now_s)

    def _sweep_at(self, when_s: float) -> None:
        changes = self._changes
        self._state.deadlines.at(when_s, lambda now_s: self._sweep(now_s) if changes == self._changes else [])

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
