"""Reads the top-level fields of a frame that the JSON decoder refuses.

A client that numbers its frames sends each frame again until it is answered. So when a frame is refused for one of its
values, such as an array that is nested too deeply, its number must still be read: the answer repeats the number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice

MAX_TOKENS = 20_000  # tokens of a frame; reading them takes 5 ms, in which the event loop is blocked

# These expressions match in linear time, because each of them can match a text in only one way, and an unterminated
# string extends to the end of the frame. Repeated groups are not possessive, because Python before 3.11.5 matches such
# groups incorrectly (https://github.com/python/cpython/issues/106052).
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*"?'
# The opening brackets of objects and arrays that begin directly inside each other are one token, so a frame that is
# nested very deeply does not reach `MAX_TOKENS`.
_OPENINGS = rb'[\[{](?:\s*+(?:"[^"\\\[\]{}]*+"\s*+:\s*+)?[\[{])*'
_TOKEN = re.compile(_STRING + rb"|" + _OPENINGS + rb"|[\]}]+", re.DOTALL)
_ITEM = re.compile(_STRING + rb"|" + _OPENINGS + rb"|[\]}]+|,|[^\s,:\[\]{}\"]++", re.DOTALL)
_SCALAR = re.compile(rb"\s*+:\s*+(" + _STRING + rb"|[^\s,\[\]{}]++)", re.DOTALL)

_HIGH, _LOW = rb"\\u[dD][89abAB][0-9a-fA-F]{2}", rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_SURROGATES = re.compile(rb"\\\\|" + _HIGH + _LOW + rb"|(" + _HIGH + rb"|" + _LOW + rb")")


def outline(frame: bytes) -> Mapping[bytes, bytes]:
    """Return the JSON text of each top-level value of the frame that is not an object or an array.

    The keys of the result are the JSON texts of the names when the frame is an object, and `b"0"`, `b"1"` and so on
    when it is an array. The result is empty when the frame is not one closed object or array. The keys and values may
    be invalid JSON.
    """
    text = frame.strip()
    if text[:1] == b"[" and text[-1:] == b"]":
        return _items(text)
    return _fields(text) if text[:1] == b"{" and text[-1:] == b"}" else {}


def _items(text: bytes) -> Mapping[bytes, bytes]:
    items: dict[bytes, bytes] = {}
    depth = position = 0
    for token in islice(_ITEM.finditer(text), MAX_TOKENS):
        first = text[token.start()]
        if first in b"[{":
            depth += token[0].count(b"{") + token[0].count(b"[")
        elif first in b"]}":
            depth -= len(token[0])
        elif depth == 1 and first in b",":
            position += 1
        elif depth == 1:
            items[b"%d" % position] = token[0]
    return items if depth == 0 else {}


def _fields(text: bytes) -> Mapping[bytes, bytes]:
    fields: dict[bytes, bytes] = {}
    depth = 0
    for token in islice(_TOKEN.finditer(text), MAX_TOKENS):
        first = text[token.start()]
        if first in b"[{":
            depth += token[0].count(b"{") + token[0].count(b"[")
        elif first in b"]}":
            depth -= len(token[0])
        elif depth == 1 and (value := _SCALAR.match(text, token.end())) is not None:
            fields[token[0]] = value[1]
    return fields if depth == 0 else {}


def well_formed(frame: bytes) -> bytes:
    r"""Return the frame with U+FFFD in place of each lone surrogate, which the JSON decoder refuses.

    In JavaScript, a string that was cut within an emoji ends with a lone surrogate, which `JSON.stringify` writes as
    `\ud83d`. If `JSON.stringify` did not escape the surrogate, `WebSocket.send` would also replace it by U+FFFD.
    """
    if b"\\u" not in frame:
        return frame
    return _SURROGATES.sub(lambda found: b"\\ufffd" if found[1] is not None else found[0], frame)
