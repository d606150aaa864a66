"""Converts the payloads of relayed frames for the event log. A payload is JSON text, or the bytes of a binary frame.

The event log and its checkpoints can contain JSON text only. So a binary payload is written as `{"base64":"AAEC"}`. If
a text payload begins in the same way, a space is written before it, so that the two can be told apart. A text payload
that already had such a space loses it when it is read back.

With the setting `payloads = "summary"`, the log contains `{"summary":true}` with further fields instead of a payload.
A text payload that begins like such a summary also gets a space, whatever the setting is, because the log may be read
with another value of the setting.
"""

from __future__ import annotations

from base64 import b64decode, b64encode

BASE64 = "base64"
_MARK, _END = b'{"%b":"' % BASE64.encode(), b'"}'
_SUMMARY = b'{"summary":true'
_MARKS = (_MARK, _SUMMARY)
_SPACED = tuple(b" " + mark for mark in _MARKS)


class Binary(bytes):
    """The payload of a binary frame. A payload that is not a `Binary` is the UTF-8 text of a text frame."""

    __slots__ = ()


def to_json(payload: bytes) -> bytes:
    """Return the JSON text with which the log represents the payload."""
    if payload.__class__ is Binary:
        return _MARK + b64encode(payload) + _END
    return b" " + payload if payload.startswith(_MARKS) else payload


def from_json(text: bytes) -> bytes | None:
    """Return the payload that `to_json` has converted to this text. Returns None for a summary and for damaged
    base64."""
    if text.startswith(_SUMMARY):
        return None
    if not text.startswith(_MARK):
        return text[1:] if text.startswith(_SPACED) else text
    try:
        return Binary(b64decode(text.removeprefix(_MARK).removesuffix(_END), validate=True))
    except ValueError:
        return None
