"""Decode documents that an app has put into a string, such as JSON inside JSON, base64 or `encodeURIComponent`.

The first characters of a string decide whether and how it is decoded. `MAX_LAYERS` limits how deeply strings in strings
are decoded, so that the cost is proportional to the size of the frame.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import msgspec

from signaling_sidecar.errors import NOT_JSON

MAX_LAYERS = 4  # strings inside strings; `btoa(JSON.stringify(…))` inside a stringified frame is three layers
DESCRIPTION = "v=0"  # the start of every session description, RFC 8866, 5.1
CANDIDATE = ("candidate:", "a=candidate:")  # RFC 8839, 5.1

# How the base64 of a text begins that starts with `{"`, `{` and white space, `[{"`, `["`, `v=0`, `candidate:` or `"`.
_BASE64_STARTS = ("eyJ", "ewo", "eyA", "W3s", "WyJ", "dj0w", "Y2FuZGlkYXRlO", "Ins", "Ilt")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_ESCAPED_STARTS = ("%7B", "%5B", "%22", "v%3D0")  # the same for `encodeURIComponent`


class Leaf(NamedTuple):
    """A string or null in a document, with its key."""

    key: str | None
    value: str | None
    siblings: dict[str, Any]
    """The object that contains the value."""


class _Writing(StrEnum):
    JSON = "json"
    BASE64 = "base64"
    ESCAPED = "escaped"


class Nested(NamedTuple):
    """The decoded content of a string: a JSON value, or a session description or candidate as text."""

    document: Any
    writing: _Writing

    def rewritten(self, document: Any) -> str:
        """Encode another document in the same way as this one was encoded."""
        is_text = isinstance(self.document, str) and self.writing is not _Writing.JSON
        text = document if is_text else msgspec.json.encode(document).decode()
        match self.writing:
            case _Writing.BASE64:
                return base64.b64encode(text.encode()).decode()
            case _Writing.ESCAPED:
                return quote(text)
            case _:
                return str(text)


def nested(text: str) -> Nested | None:
    """Decode a string that contains a document. Returns None for an ordinary string."""
    start = text.lstrip()[:1]
    if (start and start in '{["') or text == "null":  # some libraries send `null` as text for the end of candidates
        return _nested(text, _Writing.JSON)
    if text.startswith(_BASE64_STARTS) and _BASE64.fullmatch(text):
        padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
        try:
            return _nested(base64.b64decode(padded.replace("-", "+").replace("_", "/")).decode(), _Writing.BASE64)
        except (binascii.Error, UnicodeDecodeError):
            return None
    return _nested(unquote(text), _Writing.ESCAPED) if text.startswith(_ESCAPED_STARTS) else None


def _nested(text: str, writing: _Writing) -> Nested | None:
    if text.startswith((DESCRIPTION, *CANDIDATE)):
        return Nested(text, writing)
    try:
        return Nested(msgspec.json.decode(text), writing)
    except NOT_JSON:
        return None


def leaves(document: Any) -> Iterator[Leaf]:
    """Yield each string and null in a document, in the order in which they were written.

    If a string contains a document, the strings of that document are yielded instead of it.
    """
    waiting: list[tuple[str | None, Any, dict[str, Any], int]] = [(None, document, {}, 0)]
    while waiting:  # no recursion, because the sender decides how deep the document is
        key, value, siblings, layer = waiting.pop()
        if isinstance(value, dict):
            waiting.extend((k, v, value, layer) for k, v in reversed(value.items()))
        elif isinstance(value, list):
            waiting.extend((key, v, siblings, layer) for v in reversed(value))
        elif isinstance(value, str) and layer < MAX_LAYERS and (opened := nested(value)) is not None:
            waiting.append((key, opened.document, siblings, layer + 1))
        elif value is None or isinstance(value, str):
            yield Leaf(key, value, siblings)
