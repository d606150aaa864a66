"""What is to happen later, soonest first."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

from signaling_sidecar.hub.effects import Effect

Action = Callable[[float], list[Effect]]
"""Called with `now_s`. It looks for itself whether it still applies: nothing is ever taken out of the heap early."""


class Deadlines:
    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Action]] = []
        self._order = count()  # actions of one moment happen in the order they were asked for

    def at(self, when_s: float, action: Action) -> None:
        heapq.heappush(self._heap, (when_s, next(self._order), action))

    @property
    def next_s(self) -> float | None:
        return self._heap[0][0] if self._heap else None

    def run(self, now_s: float) -> list[Effect]:
        """Carry out all that is due at `now_s`."""
        effects: list[Effect] = []
        while self._heap and self._heap[0][0] <= now_s:
            effects += heapq.heappop(self._heap)[2](now_s)
        return effects
