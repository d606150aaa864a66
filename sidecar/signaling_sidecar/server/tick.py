"""Ends a tick: the records and frames that were caused in one iteration of the event loop are written and sent
together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import copy_context


class Tick:
    """Calls `handle`, `write_log` and `send` at the end of each turn of the loop in which somebody has called
    `needs_end`.

    This order is necessary because a frame that a peer has received must be in the event log, even after `kill -9`.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._context = copy_context()
        """The context of no request: what a tick handles belongs to many connections."""
        self._is_scheduled = False
        self.handle: Callable[[], None]
        self.write_log: Callable[[], None]
        self.send: Callable[[], None]

    def needs_end(self) -> None:
        # call_soon runs after the readers that this same poll has woken: their frames join this tick.
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self.end, context=self._context)

    def end(self) -> None:
        self.handle()
        self._is_scheduled = False  # what `handle` has caused belongs to this tick
        self.write_log()
        self.send()
