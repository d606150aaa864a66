"""Finding frames of a client that RFC 6455 forbids, but that aiohttp's parser accepts."""

from __future__ import annotations

from typing import NamedTuple

from signaling_sidecar.server.sockets.frames import CLOSE

CONTINUATION = 0x0
MAX_FRAGMENTS = 4096  # frames of one message; 64 bytes in each make the largest message that is allowed by default
_FIN = _MASKED = 0x80
_OPCODE = 0x0F
_LENGTH = 0x7F
_LENGTH_BYTES = {126: 2, 127: 8}  # RFC 6455, 5.2: the number of additional bytes that hold the length
_MASK_BYTES = 4


class Wrong(NamedTuple):
    at: int
    """The number of bytes before the wrong frame."""
    why: str


class FrameCheck:
    """Reads the headers of all frames of one connection, and skips their payloads."""

    def __init__(self) -> None:
        self._begun = b""
        """The beginning of a header whose rest has yet to arrive."""
        self._skip = 0
        """The number of bytes of a payload that have yet to arrive."""
        self._fragments = 0
        """The number of frames so far of a message that is not complete."""

    def first_wrong(self, data: bytes) -> Wrong | None:
        """Check the bytes that have arrived next. Returns the first frame that is wrong, or None."""
        before = len(self._begun)
        data = self._begun + data if before else data
        at, end = self._skip, len(data)
        while at + 2 <= end:
            why = self._why_wrong(data[at], data[at + 1])
            if why is not None:
                return Wrong(max(at - before, 0), why)
            length = data[at + 1] & _LENGTH
            more = _LENGTH_BYTES.get(length, 0)
            header_end = at + 2 + more + _MASK_BYTES
            if header_end > end:
                break
            if more:
                length = int.from_bytes(data[at + 2 : at + 2 + more])
            self._count(data[at])
            at = header_end + length
        self._begun, self._skip = data[at:], max(at - end, 0)
        return None

    def _why_wrong(self, first: int, second: int) -> str | None:
        if not second & _MASKED:
            return "a client's frame must be masked"
        opcode = first & _OPCODE
        if opcode >= CLOSE:
            return None
        if opcode != CONTINUATION and self._fragments:
            return "a message begins before the last one has ended"
        return "a message has too many fragments" if self._fragments >= MAX_FRAGMENTS else None

    def _count(self, first: int) -> None:
        if first & _OPCODE < CLOSE:
            self._fragments = 0 if first & _FIN else self._fragments + 1
