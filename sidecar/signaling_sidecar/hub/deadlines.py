"""Deadlines: actions that the hub carries out when their time has come."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

from signaling_sidecar.hub.effects import Effect

Action = Callable[[float], list[Effect]]
"""Called with `now_s`. The action of a deadline. It must check whether it still applies, because deadlines are never
cancelled."""
MAX_AT_ONCE = 500  # actions; after a restart, all peers that do not return leave at the same moment


class Deadlines:
    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Action]] = []
        self._order = count()  # actions for the same time are carried out in the order in which they were added

    def at(self, when_s: float, action: Action) -> None:
        """Carry out the action as soon as `run` is called with a time that is not before `when_s`."""
        heapq.heappush(self._heap, (when_s, next(self._order), action))

    @property
    def next_s(self) -> float | None:
        """The time of the next action, or None if there is none."""
        return self._heap[0][0] if self._heap else None

    def run(self, now_s: float) -> list[Effect]:
        """Carry out the actions that are due at `now_s`, in their order, but at most `MAX_AT_ONCE` of them.

        If more are due, `next_s` is not after `now_s` afterwards. The limit lets the server handle the commands of
        clients between two calls.
        """
        effects: list[Effect] = []
        for _ in range(MAX_AT_ONCE):
            if not self._heap or self._heap[0][0] > now_s:
                break
            effects += heapq.heappop(self._heap)[2](now_s)
        return effects
