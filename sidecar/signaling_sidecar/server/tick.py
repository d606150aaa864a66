"""Ends a tick: writes all records and sends all frames of one iteration of the event loop together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import copy_context


class Tick:
    """Calls `handle`, `write_log` and `send`, in this order, at the end of each iteration of the event loop in which
    `needs_end` was called.

    The order is necessary because a frame that a peer has received must be in the event log, even after `kill -9`.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._context = copy_context()
        """A context without a request id, because a tick handles the frames of many connections."""
        self._is_scheduled = False
        self.handle: Callable[[], None]
        self.write_log: Callable[[], None]
        self.send: Callable[[], None]

    def needs_end(self) -> None:
        # The event loop runs `end` after it has read all sockets that are readable now, so their frames join this tick.
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self.end, context=self._context)

    def end(self) -> None:
        self.handle()
        self._is_scheduled = False  # not before `handle`, because its effects belong to this tick
        self.write_log()
        self.send()
