"""A client on a TCP socket, which can send data that no WebSocket library would send."""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress
from typing import NamedTuple

PATIENCE_S = 20.0  # seconds that a test waits for data before it fails
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
MASK = b"\x01\x02\x03\x04"


class RawSocket:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> str:
        """Read the status line and the headers of a response."""
        return (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE_S)).decode("latin-1")

    async def frame(self) -> tuple[int, bytes]:
        """Read the opcode and the payload of the next frame."""
        first, second = await self._exactly(2)
        size = second & 0x7F
        if size >= 126:
            size = int.from_bytes(await self._exactly(2 if size == 126 else 8))
        return first & 0x0F, await self._exactly(size)

    async def close_code(self) -> int:
        """Read until the Close frame of the other side, and return its code."""
        while True:
            opcode, payload = await self.frame()
            if opcode == CLOSE:
                return int.from_bytes(payload[:2])

    async def rest(self) -> bytes:
        """Read everything until the other side closes or resets the socket."""
        data = b""
        with suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE_S):
                while chunk := await self.reader.read(65536):
                    data += chunk
        return data

    async def _exactly(self, size: int) -> bytes:
        return await asyncio.wait_for(self.reader.readexactly(size), PATIENCE_S)

    def reset(self) -> None:
        """Abort the connection, without a Close frame and without reading received data."""
        self.writer.transport.abort()

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


async def raw_socket(port: int) -> RawSocket:
    return RawSocket(*await asyncio.open_connection("127.0.0.1", port))


class Handshake(NamedTuple):
    """The request of a WebSocket handshake. A test can replace each part by an invalid one."""

    path: str = "/ws/signaling"
    method: str = "GET"
    http: str = "1.1"
    version: str | None = "13"
    key: str | None = KEY
    more: str = ""
    """Additional header lines, each with its line end."""

    def __bytes__(self) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/{self.http}", "Host: localhost", "Upgrade: websocket"]
        lines.append("Connection: Upgrade")
        lines += [] if self.version is None else [f"Sec-WebSocket-Version: {self.version}"]
        lines += [] if self.key is None else [f"Sec-WebSocket-Key: {self.key}"]
        return ("\r\n".join([*lines, self.more]) + "\r\n").encode("latin-1")


async def raw_websocket(port: int, path: str = "/ws/signaling") -> RawSocket:
    """Connect a socket, and complete the WebSocket handshake."""
    raw = await raw_socket(port)
    raw.send(bytes(Handshake(path)))
    assert "101 Switching Protocols" in await raw.head()
    return raw


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, masked: bool = True, reserved: int = 0) -> bytes:
    first, size = (0x80 if fin else 0) | reserved << 4 | opcode, len(payload)
    mask_bit = 0x80 if masked else 0
    if size < 126:
        head = bytes([first, mask_bit | size])
    elif size < 65536:
        head = struct.pack("!BBH", first, mask_bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, size)
    return head + (MASK + bytes(byte ^ MASK[at % 4] for at, byte in enumerate(payload)) if masked else payload)


def closing(code: int) -> bytes:
    return frame(CLOSE, code.to_bytes(2))
