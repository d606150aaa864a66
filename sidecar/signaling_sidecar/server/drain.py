"""Draining: before the sidecar stops, it closes its connections in waves, so that its clients do not all come back at
once."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable

from aiohttp import web

from signaling_sidecar.counted import counted
from signaling_sidecar.server.sockets.front import Front

WAVE_EVERY_S = 0.5  # seconds between two waves; most clients are back before the next wave is closed
USUAL_WAVE = 50  # connections in a wave if there is time for all waves; any server can accept so many at the same time

logger = logging.getLogger("signaling_sidecar")


class Drain:
    """`begin` must be called before the first request.

    A client whose connection was closed connects again, to another instance or to this sidecar after its restart. So a
    sidecar that drains accepts no new connections, and does not tell the other peers that the client is away or gone.
    """

    def __init__(self) -> None:
        self.is_draining = False
        self._ends_s = 0.0
        self._front: Front
        self._hold_deadlines: Callable[[], None]

    def begin(self, front: Front, hold_deadlines: Callable[[], None]) -> None:
        """`hold_deadlines` suspends all deadlines of rooms and sessions, such as grace periods."""
        self._front, self._hold_deadlines = front, hold_deadlines

    async def run(self, within_s: float) -> None:
        """Close all connections within `within_s` seconds. With 0, do nothing, because stopping the application closes
        them all at once."""
        if not within_s:
            return
        self.is_draining, self._ends_s = True, asyncio.get_running_loop().time() + within_s
        self._hold_deadlines()
        connections = len(self._front)
        waves = waves_of(connections, within_s)
        if not connections:
            return
        message = "draining %s in %s; another SIGTERM stops at once"
        told = counted(connections, "connection"), counted(len(waves), "wave")
        logger.info(message, *told, extra={"code": "draining"})
        for wait_s, size in waves:
            await asyncio.sleep(wait_s)
            self._front.close_oldest(size)

    def refuse_new_connections(self) -> None:
        """Raise HTTPServiceUnavailable while the sidecar drains."""
        if self.is_draining:
            left_s = math.ceil(max(1.0, self._ends_s - asyncio.get_running_loop().time()))
            text = f"the sidecar is about to stop: connect again in {left_s} s\n"
            raise web.HTTPServiceUnavailable(text=text, headers={"Retry-After": str(left_s)})


def waves_of(connections: int, within_s: float) -> list[tuple[float, int]]:
    """Return for each wave how long to wait before it and how many connections it closes. The sizes of the
    waves differ by one at most."""
    count = min(math.ceil(connections / USUAL_WAVE), max(1, int(within_s / WAVE_EVERY_S)))
    sizes = [(connections + number) // count for number in reversed(range(count))]
    return [(WAVE_EVERY_S if number else 0.0, size) for number, size in enumerate(sizes)]
