"""How much all clients together have not read yet.

A client that is in many topics or rooms may leave more unread than others, because the frames of all of them wait for
one connection. Many such clients could fill the memory of the machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from signaling_sidecar.server.sockets.connection import Connection

MAX_UNREAD_BYTES = 2**27  # bytes of all clients; 16 MiB is the most that one of them may leave unread by default
COUNTED_EVERY_S = 0.1  # seconds; with 5,000 connections it takes a millisecond


class UnreadTotal:
    """Must be created in a running event loop. `connections` returns all open ones."""

    def __init__(self, connections: Callable[[], Collection[Connection]]) -> None:
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._has_room = True
        self._until_s = self._loop.time()

    def has_room(self) -> bool:
        """Whether a client may leave more unread than a client in one room."""
        now_s = self._loop.time()
        if now_s >= self._until_s:
            unread_bytes = sum(each.outbox.backlog_bytes for each in self._connections())
            self._has_room, self._until_s = unread_bytes < MAX_UNREAD_BYTES, now_s + COUNTED_EVERY_S
        return self._has_room
