"""What one connection is still to be sent.

aiohttp's own sending buffers without bound for a peer that does not read, and its writers wait for each other. Here
frames of one loop tick become one write, nobody waits, and who falls too far behind is cut off.
"""

from __future__ import annotations

import asyncio


class Outbox:
    """The frames of this tick, for one transport. Bytes that wait in the transport are the reader's backlog."""

    __slots__ = ("_bound_bytes", "_frames", "_max_bytes", "_size", "transport")

    def __init__(self, transport: asyncio.Transport, max_bytes: int) -> None:
        self.transport = transport
        self._max_bytes = max_bytes
        self._bound_bytes = max_bytes
        self._frames: list[bytes] = []
        self._size = 0

    @property
    def is_empty(self) -> bool:
        return not self._frames

    @property
    def has_backlog(self) -> bool:
        """Whether the peer has not read all that was written."""
        return self.transport.get_write_buffer_size() > 0

    def put(self, frame: bytes) -> None:
        self._frames.append(frame)
        self._size += len(frame)

    def hurry_last(self) -> None:
        """Let the frame that was put last be the first of this tick."""
        self._frames.insert(0, self._frames.pop())

    def flush(self) -> bool:
        """Write all frames at once. False: the reader was too far behind, and its transport is aborted."""
        frames, size = self._frames, self._size
        self._frames, self._size = [], 0
        if not frames or self.transport.is_closing():
            return True
        backlog = self.transport.get_write_buffer_size()
        if backlog == 0:
            # A batch that finds nothing waiting is always taken: one peer list may be larger than the bound.
            self._bound_bytes = self._max_bytes + size
        elif backlog + size > self._bound_bytes:
            self.transport.abort()
            return False
        self.transport.write(frames[0] if len(frames) == 1 else b"".join(frames))
        return True
