"""A simple WebSocket parser (RFC 6455) that gets all bytes at once. Tests compare the sidecar with it."""

from __future__ import annotations

from typing import NamedTuple

from tests.kit.raw_socket import CLOSE, MASK, PING, PONG, TEXT

PROTOCOL_ERROR, INVALID_TEXT, TOO_LARGE = 1002, 1007, 1009
_CONTINUATION, _KNOWN = 0x0, (0x0, 0x1, 0x2, CLOSE, PING, PONG)
_CLOSE_CODES = {1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)}  # the codes that a client may send


class Frame(NamedTuple):
    opcode: int
    fin: bool
    reserved: int
    is_masked: bool
    size: int
    payload: bytes
    """The part of the payload that has arrived, unmasked."""
    end: int
    """The position at which the next frame begins."""

    @property
    def is_whole(self) -> bool:
        return len(self.payload) == self.size


class Outcome(NamedTuple):
    """The correct answer of a server to the bytes of a client."""

    pongs: list[bytes]
    codes: frozenset[int] = frozenset()
    """The codes that the Close frame may have. Empty if the bytes do not end the connection."""
    may_end: bool = False
    """Whether the server may end the connection, because the incomplete last frame is already invalid."""
    goes_on: bool = False
    """Whether the client sends data after its Close. The connection may then be reset before the client has read the
    answer."""


class Limits(NamedTuple):
    message_bytes: int
    fragments: int


class _Message:
    """The current message, of which some frames have arrived."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._opcode = _CONTINUATION
        self._payload = b""
        self._fragments = 0

    def wrong_in_header(self, frame: Frame) -> set[int]:
        found = set()
        if not frame.is_masked or frame.reserved or frame.opcode not in _KNOWN:
            found.add(PROTOCOL_ERROR)
        if frame.opcode >= CLOSE and (not frame.fin or frame.size > 125):
            found.add(PROTOCOL_ERROR)
        if frame.opcode < CLOSE:
            if (frame.opcode != _CONTINUATION and self._fragments) or self._fragments >= self._limits.fragments:
                found.add(PROTOCOL_ERROR)
            if len(self._payload) + frame.size > self._limits.message_bytes:
                found.add(TOO_LARGE)
        return found

    def wrong_when_whole(self, frame: Frame) -> set[int]:
        """Add a complete frame with a valid header. Returns the close codes for errors outside of the header."""
        if frame.opcode == CLOSE:
            return _wrong_in_close(frame.payload)
        if frame.opcode > CLOSE:
            return set()
        if frame.opcode == _CONTINUATION and not self._fragments:
            return {PROTOCOL_ERROR}
        self._opcode = frame.opcode or self._opcode
        self._payload += frame.payload
        self._fragments += 1
        if not frame.fin:
            return set()
        is_wrong = self._opcode == TEXT and not _is_utf8(self._payload)
        self._payload, self._fragments = b"", 0
        return {INVALID_TEXT} if is_wrong else set()


def frame_at(data: bytes, at: int) -> Frame | None:
    """Return the frame that begins at this position, or None if its header is incomplete."""
    if len(data) < at + 2:
        return None
    first, second = data[at : at + 2]
    more = {126: 2, 127: 8}.get(second & 0x7F, 0)
    mask_at = at + 2 + more
    payload_at = mask_at + (4 if second & 0x80 else 0)
    if len(data) < payload_at:
        return None
    size = int.from_bytes(data[at + 2 : mask_at]) if more else second & 0x7F
    payload, end = data[payload_at : payload_at + size], payload_at + size
    if second & 0x80:
        mask = data[mask_at:payload_at]
        payload = bytes(byte ^ mask[place % len(MASK)] for place, byte in enumerate(payload))
    return Frame(first & 0x0F, first >= 0x80, first & 0x70, second >= 0x80, size, payload, end)


def outcome_of(data: bytes, limits: Limits) -> Outcome:
    message, pongs, at = _Message(limits), list[bytes](), 0
    while (frame := frame_at(data, at)) is not None:
        wrong = message.wrong_in_header(frame)
        if not wrong and not frame.is_whole:
            return Outcome(pongs, may_end=frame.opcode == _CONTINUATION)
        wrong |= message.wrong_when_whole(frame) if frame.is_whole else set()
        if wrong:
            return Outcome(pongs, frozenset(wrong))
        if frame.opcode == CLOSE:
            return Outcome(pongs, frozenset((1000,)), goes_on=frame.end < len(data))
        if frame.opcode == PING:
            pongs.append(frame.payload)
        at = frame.end
    return Outcome(pongs, may_end=at < len(data))


def frames_in(data: bytes) -> list[Frame]:
    """Return the frames that a server has sent."""
    found, at = [], 0
    while (frame := frame_at(data, at)) is not None:
        found.append(frame)
        at = frame.end
    assert at == len(data), f"the last frame of the server has not arrived completely: {data[at:]!r}"
    return found


def _wrong_in_close(payload: bytes) -> set[int]:
    if not payload:
        return set()
    found = set()
    if len(payload) < 2 or int.from_bytes(payload[:2]) not in _CLOSE_CODES:
        found.add(PROTOCOL_ERROR)
    if not _is_utf8(payload[2:]):
        found.add(INVALID_TEXT)
    return found


def _is_utf8(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True
