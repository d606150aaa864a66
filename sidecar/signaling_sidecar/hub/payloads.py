"""The payload of a relay: JSON text, or the bytes of a binary frame.

The event log and its checkpoints hold JSON text only. A binary payload is written there as `{"base64":"AAEC"}`. A text
payload that begins just like that stands there with a space before it, so that the two can be told apart. If it had a
space there of its own, it is read back without.
"""

from __future__ import annotations

from base64 import b64decode, b64encode

BASE64 = "base64"
_MARK, _END = b'{"%b":"' % BASE64.encode(), b'"}'


class Binary(bytes):
    """The bytes of a binary frame. All other bytes that stand for a frame are the UTF-8 text of a text frame."""

    __slots__ = ()


def to_json(payload: bytes) -> bytes:
    """Return the JSON text for a payload in a record."""
    if payload.__class__ is Binary:
        return _MARK + b64encode(payload) + _END
    return b" " + payload if payload.startswith(_MARK) else payload


def from_json(text: bytes) -> bytes | None:
    """Return the payload from its JSON text in a record, or None if its base64 is damaged."""
    if not text.startswith(_MARK):
        return text[1:] if text.startswith(b" " + _MARK) else text
    try:
        return Binary(b64decode(text.removeprefix(_MARK).removesuffix(_END), validate=True))
    except ValueError:
        return None
