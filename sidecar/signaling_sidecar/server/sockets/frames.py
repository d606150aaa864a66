"""Encodes WebSocket frames (RFC 6455, section 5.2), without fragmentation and, as a server must, without masking.

The bytes of a frame can be sent to a thousand connections. aiohttp's own writer would encode it for each of them.
"""

from __future__ import annotations

import struct

from signaling_sidecar.hub.payloads import Binary

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
_FIN = 0x80
_MAX_SHORT = 125  # RFC 6455, 5.2: a larger length takes 2 more bytes
_MAX_MEDIUM = 0xFFFF  # a length above this one takes 8 more bytes
_medium_head = struct.Struct("!BBH").pack


def frame(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    if size <= _MAX_SHORT:
        return bytes((_FIN | opcode, size)) + payload
    if size <= _MAX_MEDIUM:
        return _medium_head(_FIN | opcode, 126, size) + payload
    return struct.pack("!BBQ", _FIN | opcode, 127, size) + payload


def message_frame(message: bytes | tuple[bytes, ...]) -> bytes:
    """Return the frame of a dialect's message, which is a binary frame if the message is a `Binary`. A tuple contains
    several messages, whose frames are returned one after the other."""
    if isinstance(message, tuple):
        return b"".join(map(message_frame, message))
    return frame(BINARY if message.__class__ is Binary else TEXT, message)


def close_frame(code: int, reason: str) -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason.encode())
