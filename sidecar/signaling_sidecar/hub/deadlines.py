"""Keeps the actions that the hub must carry out at a certain time, such as ending a session after its grace period."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

from signaling_sidecar.hub.effects import Effect

Action = Callable[[float], list[Effect]]
"""A function that is called with `now_s` when its time has come. It must check whether there is still something to do,
because deadlines are never cancelled."""
MAX_AT_ONCE = 500  # actions; after a restart, the grace periods of all peers that do not return end at the same time


class Deadlines:
    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Action]] = []
        self._order = count()  # actions for the same time are carried out in the order in which they were added

    def at(self, when_s: float, action: Action) -> None:
        """Schedule the action for the first call of `run` whose `now_s` is at least `when_s`."""
        heapq.heappush(self._heap, (when_s, next(self._order), action))

    @property
    def next_s(self) -> float | None:
        """The time of the next action, or None if there is none."""
        return self._heap[0][0] if self._heap else None

    def run(self, now_s: float) -> list[Effect]:
        """Carry out the actions that are due at `now_s`, in order of their times, but at most `MAX_AT_ONCE` of them.

        If more actions are due, `next_s` remains at most `now_s`, so that the server calls `run` again. Between
        two calls, the server can handle the commands of clients.
        """
        effects: list[Effect] = []
        for _ in range(MAX_AT_ONCE):
            if not self._heap or self._heap[0][0] > now_s:
                break
            effects += heapq.heappop(self._heap)[2](now_s)
        return effects
