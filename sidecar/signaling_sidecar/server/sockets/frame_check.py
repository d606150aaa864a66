"""Finds frames of clients that RFC 6455 forbids, but that aiohttp's parser accepts."""

from __future__ import annotations

from typing import NamedTuple

from signaling_sidecar.server.sockets.frames import CLOSE

CONTINUATION = 0x0
MAX_FRAGMENTS = 4096  # frames of one message: enough for the default size limit with 64 bytes in each frame
_FIN = _MASKED = 0x80
_OPCODE = 0x0F
_LENGTH = 0x7F
_LENGTH_IN_2_BYTES = 126  # RFC 6455, 5.2: the next 2 bytes hold the length; with 127, the next 8 bytes
_MASK_BYTES = 4


class Wrong(NamedTuple):
    at: int
    """How many bytes of the data are before the wrong frame."""
    why: str


class FrameCheck:
    """Reads the headers of all frames of one connection, and skips their payloads."""

    def __init__(self) -> None:
        self._begun = b""
        """The first bytes of a header that has not arrived completely."""
        self._skip = 0
        """The number of bytes of the current payload that have not arrived yet."""
        self._fragments = 0
        """The number of frames that have arrived of an incomplete message."""

    def first_wrong(self, data: bytes) -> Wrong | None:
        """Check the next bytes of the connection. Returns the first wrong frame that begins in these bytes, or
        None."""
        before = len(self._begun)
        data = self._begun + data if before else data
        at, end = self._skip, len(data)
        while at + 2 <= end:
            first, second = data[at], data[at + 1]
            if not second & _MASKED:
                return Wrong(max(at - before, 0), "a client's frame must be masked")
            if self._fragments and first & _OPCODE < CLOSE and (why := self._why_wrong(first)) is not None:
                return Wrong(max(at - before, 0), why)
            length = second & _LENGTH
            header_end = at + 2 + _MASK_BYTES
            if length >= _LENGTH_IN_2_BYTES:
                header_end += 2 if length == _LENGTH_IN_2_BYTES else 8
            if header_end > end:
                break
            if length == _LENGTH_IN_2_BYTES:
                length = data[at + 2] << 8 | data[at + 3]
            elif length > _LENGTH_IN_2_BYTES:
                length = int.from_bytes(data[at + 2 : at + 10])
            if not first & _FIN:
                self._fragments += 1
            elif first & _OPCODE < CLOSE:
                self._fragments = 0
            at = header_end + length
        if at < end:
            self._begun, self._skip = data[at:], 0
        else:
            self._begun, self._skip = b"", at - end
        return None

    def _why_wrong(self, first: int) -> str | None:
        """Check a data frame that arrives while a fragmented message is incomplete."""
        if first & _OPCODE != CONTINUATION:
            return "a message begins before the last one has ended"
        return "a message has too many fragments" if self._fragments >= MAX_FRAGMENTS else None
