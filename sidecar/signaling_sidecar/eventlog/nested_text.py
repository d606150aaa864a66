"""Documents that an app has put into a string: JSON in JSON, as `JSON.stringify` makes it, or base64 of that.

Nothing here knows who wrote it. A string is opened when its first characters say what it is. That costs one pass over
it, and `MAX_LAYERS` bounds how often the same characters are looked at.
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

MAX_LAYERS = 4  # strings in strings that are opened: `btoa(JSON.stringify(…))` in a stringified frame are three
DESCRIPTION = "v=0"  # what a session description begins with, RFC 8866, 5.1
CANDIDATE = ("candidate:", "a=candidate:")  # RFC 8839, 5.1

# How base64 of `{"`, `{` and a newline or a space, `[{"`, `["`, `v=0`, `candidate:` and `"` begins.
_BASE64_STARTS = ("eyJ", "ewo", "eyA", "W3s", "WyJ", "dj0w", "Y2FuZGlkYXRlO", "Ins", "Ilt")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_ESCAPED_STARTS = ("%7B", "%5B", "%22", "v%3D0")  # of `encodeURIComponent`


class Leaf(NamedTuple):
    """A string or null in a document, where it stands."""

    key: str | None
    value: str | None
    siblings: dict[str, Any]
    """The object that it is in."""


class _Writing(StrEnum):
    JSON = "json"
    BASE64 = "base64"
    ESCAPED = "escaped"


class Nested(NamedTuple):
    """What a string holds: a JSON value, or a description or candidate as it is."""

    document: Any
    writing: _Writing

    def rewritten(self, document: Any) -> str:
        """Write another document in the same way."""
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
    """Open a string; None: it holds no document, but is what it says."""
    start = text.lstrip()[:1]
    if start and start in '{["':
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
    """Yield each string and null with its key and the object it is in, in the order they were written.

    A string that holds a document is not yielded; what is in it is.
    """
    waiting: list[tuple[str | None, Any, dict[str, Any], int]] = [(None, document, {}, 0)]
    while waiting:  # no recursion: depth is the sender's
        key, value, siblings, layer = waiting.pop()
        if isinstance(value, dict):
            waiting.extend((k, v, value, layer) for k, v in reversed(value.items()))
        elif isinstance(value, list):
            waiting.extend((key, v, siblings, layer) for v in reversed(value))
        elif isinstance(value, str) and layer < MAX_LAYERS and (opened := nested(value)) is not None:
            waiting.append((key, opened.document, siblings, layer + 1))
        elif value is None or isinstance(value, str):
            yield Leaf(key, value, siblings)
