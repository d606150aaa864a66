"""A WebSocket client that needs little CPU time, for tests with many frames, and for benchmarks of the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from tests.dialects.manners.manners import Frame, has
from tests.kit.raw_socket import BINARY, CLOSE, PING, PONG, TEXT, Handshake, frame
from tests.kit.text_frames import text_of, value_of


def masked(content: Frame | None) -> bytes:
    """The bytes of this frame as a client sends it, or no bytes for None."""
    if content is None:
        return b""
    if isinstance(content, bytes):
        return frame(BINARY, content)
    return frame(TEXT, text_of(content).encode())


class Client(asyncio.Protocol):
    """One connection. It stores the received frames until `count_only` is called, and then only counts them."""

    def __init__(self, path: str) -> None:
        self.received = 0
        """The number of text and binary frames that have arrived."""
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._path = path
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answered = asyncio.Event()
        self._kept: asyncio.Queue[bytes] = asyncio.Queue()
        self._on_arrival: Callable[[int], None] | None = None
        self._rest = b""
        """The received part of an incomplete frame, or of an incomplete answer to the handshake."""

    async def opened(self) -> Client:
        await self._opened
        return self

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.write = self.transport.write
        self.write(bytes(Handshake(self._path)))

    def connection_lost(self, error: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(None)

    def count_only(self, on_arrival: Callable[[int], None]) -> None:
        """From now on, whenever frames arrive, call `on_arrival` with their number, and do not store them."""
        self._on_arrival = on_arrival

    async def hears(self, expected: Frame | None) -> None:
        """Wait for this frame."""
        while expected is not None:
            payload = await self._kept.get()
            content = payload if isinstance(expected, bytes) else value_of(payload)
            if has(content, expected):
                return

    async def settled(self) -> None:
        """Wait until the server has handled all frames of this client, even if it does not answer them."""
        self._answered.clear()
        self.write(frame(PING))
        await self._answered.wait()

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        at = 0 if self._opened.done() else self._end_of_handshake(data)
        end, arrived = len(data), 0
        while at + 2 <= end:
            payload_at, next_at = _bounds(data, at)
            if next_at > end:
                break
            opcode = data[at] & 0x0F
            if opcode in (TEXT, BINARY):
                arrived += 1
                if self._on_arrival is None:
                    self._kept.put_nowait(data[payload_at:next_at])
            else:
                self._control(opcode, data[payload_at:next_at])
            at = next_at
        self._rest = data[at:]
        self.received += arrived
        if arrived and self._on_arrival is not None:
            self._on_arrival(arrived)

    def _end_of_handshake(self, data: bytes) -> int:
        head, end, _ = data.partition(b"\r\n\r\n")
        if not end:
            return 0
        if b" 101 " not in head:
            raise ConnectionError(f"the handshake was refused: {head.decode('latin-1')}")
        self._opened.set_result(None)
        return len(head) + len(end)

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self.write(frame(PONG, payload))
        elif opcode == PONG:
            self._answered.set()
        elif opcode == CLOSE:
            self.connection_lost(None)


def _bounds(data: bytes, at: int) -> tuple[int, int]:
    """Return where the frame's payload begins and ends. If the frame's head is incomplete, both positions are after the
    data."""
    payload_at = at + 2
    size = data[at + 1]  # a server sets no mask bit
    if size >= 126:
        payload_at += 2 if size == 126 else 8
        size = int.from_bytes(data[at + 2 : payload_at])
    return payload_at, payload_at + size
