"""Buffers the frames of one connection until they are sent.

If a peer does not read, aiohttp's own send methods fill a buffer without limit, and writers wait for each other. Here,
the frames of one tick become one write, no writer waits, and the connection of a peer that reads too slowly is aborted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Outbox:
    """`max_bytes` limits the size of the transport's write buffer, which grows while the peer does not read. The limit
    is multiplied by `times` if `has_room` returns True."""

    __slots__ = ("_frames", "_has_room", "_max_bytes", "_surplus_bytes", "is_due", "times", "transport")

    def __init__(self, transport: asyncio.Transport, max_bytes: int, has_room: Callable[[], bool]) -> None:
        self.transport = transport
        self.times = 1.0
        self.is_due = False
        """Whether the frames must be sent at the end of this tick."""
        self._max_bytes = max_bytes
        self._has_room = has_room
        self._surplus_bytes = 0
        """The bytes that were written when the transport's buffer was empty. They do not count against the limit."""
        self._frames: list[bytes] = []

    @property
    def is_empty(self) -> bool:
        return not self._frames

    @property
    def has_backlog(self) -> bool:
        """Whether the transport's write buffer is not empty."""
        return self.backlog_bytes > 0

    @property
    def backlog_bytes(self) -> int:
        """The bytes that were written, but that the kernel does not accept because the peer does not read."""
        return self.transport.get_write_buffer_size()

    def put(self, frame: bytes) -> None:
        self._frames.append(frame)

    def hurry_last(self) -> None:
        """Move the last frame to the beginning, so that it is sent before the others."""
        self._frames.insert(0, self._frames.pop())

    def flush(self) -> bool:
        """Write all frames at once. If the peer reads too slowly, abort the transport and return False."""
        frames, transport = self._frames, self.transport
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        frames.clear()
        self.is_due = False
        if not data or transport.is_closing():
            return True
        backlog = transport.get_write_buffer_size()
        if backlog == 0:
            # Frames are always written if the buffer is empty, because one peer list may be larger than the limit.
            self._surplus_bytes = len(data)
        elif not self._may_wait(backlog + len(data) - self._surplus_bytes):
            transport.abort()
            return False
        transport.write(data)
        return True

    def _may_wait(self, size_bytes: int) -> bool:
        return size_bytes <= self._max_bytes or (size_bytes <= self._max_bytes * self.times and self._has_room())
