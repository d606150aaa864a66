"""Decode documents that an app has put into a string, such as JSON in JSON, or text in base64 or percent-encoding.

The first characters of a string decide whether and how it is decoded. `MAX_LAYERS` limits how deeply strings in strings
are decoded, so that the cost is proportional to the size of the frame.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import repeat
from string import ascii_letters, digits
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import msgspec

from signaling_sidecar.errors import NOT_JSON

MAX_LAYERS = 4  # layers of strings in strings; `btoa(JSON.stringify(…))` in a stringified frame is three layers
DESCRIPTION = "v=0"  # the start of every session description, RFC 8866, 5.1
CANDIDATE = ("candidate:", "a=candidate:")  # RFC 8839, 5.1
_PLAIN = (DESCRIPTION, *CANDIDATE)  # a string that begins with one of these contains no other document

# The first characters of base64 if the text starts with `{"`, `{` and white space, `[{"`, `["`, `v=0`, `candidate:` or
# `"`.
_BASE64_STARTS = ("eyJ", "ewo", "eyA", "W3s", "WyJ", "dj0w", "Y2FuZGlkYXRlO", "Ins", "Ilt")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_ESCAPED_STARTS = ("%7B", "%5B", "%22", "v%3D0")  # how such texts begin after `encodeURIComponent`
MIN_OPAQUE_CHARS = 100  # longer than an id or a hash; the shortest encrypted frame of y-webrtc has 136
# Most strings in a frame are ids and words: for them, this function returns None. Its calls take most of the time that
# is spent on a frame, so there must be only one call for each string.
_is_notable = re.compile(
    "|".join(
        (
            *(r"\s*[\[{\"]", "null", *_BASE64_STARTS, *_ESCAPED_STARTS),
            *(DESCRIPTION, *CANDIDATE, rf"(?s:.{{{MIN_OPAQUE_CHARS}}})", r"\Z"),
        )
    )
).match

# Characters with which many ids and words begin, but no document, description or candidate. To look up the first
# character of a string takes less time than to match a pattern.
_STARTS = (*_PLAIN, "null", *_BASE64_STARTS, *_ESCAPED_STARTS)
_ORDINARY = frozenset(ascii_letters + digits) - {start[0] for start in _STARTS}

Leaf = tuple[str | None, str | None, dict[str, Any]]
"""A string or null in a document: its key, the value itself, and the object that contains it."""


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
    """Decode a string that contains a document. Returns None for a string that contains no document."""
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
    if text.startswith(_PLAIN):
        return Nested(text, writing)
    try:
        return Nested(msgspec.json.decode(text), writing)
    except NOT_JSON:
        return None


def notable_leaves(document: Any) -> Sequence[Leaf]:
    """Find the strings and nulls of a document that may be a description, a candidate or an encrypted text, in the
    order in which they were written.

    If a string contains another document, the result contains the strings and nulls of that document, but not the
    string itself.
    """
    found: list[Leaf] = []
    siblings: dict[str, Any] = document if isinstance(document, dict) else {}
    items: Iterator[tuple[str | None, Any]] = iter(siblings.items() if siblings else [(None, document)])
    layer = 0
    # A stack replaces recursion, because the sender decides how deeply the document is nested. It contains the values
    # around `items`, from the outermost to the innermost.
    outer: list[tuple[Iterator[tuple[str | None, Any]], dict[str, Any], int]] = []
    while True:
        for key, value in items:
            kind = type(value)
            if kind is str:
                if (value[:1] in _ORDINARY and len(value) < MIN_OPAQUE_CHARS) or not _is_notable(value):
                    continue
                is_plain = value.startswith(_PLAIN) or layer == MAX_LAYERS
                opened = nested(value) if not is_plain else None
                if opened is not None:
                    outer.append((items, siblings, layer))
                    items, layer = iter([(key, opened.document)]), layer + 1
                    break
                found.append((key, value, siblings))
            elif kind is dict:
                outer.append((items, siblings, layer))
                items, siblings = iter(value.items()), value
                break
            elif value is None:
                found.append((key, value, siblings))
            elif kind is list:
                outer.append((items, siblings, layer))
                items = zip(repeat(key), value)
                break
        else:
            if not outer:
                return found
            items, siblings, layer = outer.pop()
