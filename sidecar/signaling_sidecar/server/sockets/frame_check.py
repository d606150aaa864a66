"""What RFC 6455 forbids a client's frames, and aiohttp's parser lets pass."""

from __future__ import annotations

from typing import NamedTuple

from signaling_sidecar.server.sockets.frames import CLOSE

CONTINUATION = 0x0
MAX_FRAGMENTS = 4096  # frames of one message; 64 bytes in each make the largest message that is allowed by default
_FIN = _MASKED = 0x80
_OPCODE = 0x0F
_LENGTH = 0x7F
_LENGTH_BYTES = {126: 2, 127: 8}  # RFC 6455, 5.2: how many more bytes have the length
_MASK_BYTES = 4


class Wrong(NamedTuple):
    at: int
    """How many of the bytes are before the frame that is wrong."""
    why: str


class FrameCheck:
    """Follows the headers of the frames of one connection; their payloads are skipped."""

    def __init__(self) -> None:
        self._begun = b""
        """The beginning of a header that has not come whole."""
        self._skip = 0
        """Bytes of a payload that are still to come."""
        self._fragments = 0
        """Frames of the message that is not finished."""

    def first_wrong(self, data: bytes) -> Wrong | None:
        """Look at what has come next, and say which frame is the first that is wrong."""
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
