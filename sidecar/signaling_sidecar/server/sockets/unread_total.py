"""Limits how many bytes all clients together may leave unread.

A client in many topics or rooms may leave more bytes unread than a client in one room, because it gets the frames of
all its topics and rooms on one connection. Many such clients could fill the memory of the machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from signaling_sidecar.server.sockets.connection import Connection

MAX_UNREAD_BYTES = 2**27  # bytes of all clients; 16 MiB is the most that one of them may leave unread by default
COUNTED_EVERY_S = 0.1  # seconds between two counts; counting takes a millisecond with 5,000 connections


class UnreadTotal:
    """Must be created in a running event loop. `connections` returns all open ones."""

    def __init__(self, connections: Callable[[], Collection[Connection]]) -> None:
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._has_room = True
        self._until_s = self._loop.time()

    def has_room(self) -> bool:
        """Whether a client in many topics or rooms may leave more unread than a client in one room."""
        now_s = self._loop.time()
        if now_s >= self._until_s:
            unread_bytes = sum(each.outbox.backlog_bytes for each in self._connections())
            self._has_room, self._until_s = unread_bytes < MAX_UNREAD_BYTES, now_s + COUNTED_EVERY_S
        return self._has_room
