"""What can still be read of a frame that the JSON decoder refuses.

A client that numbers its frames waits until each number is handled. So a frame that is refused for something inside
it, such as an array that is nested too deeply, still has to be told apart by its own fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice

MAX_TOKENS = 20_000  # takes about 5 ms; without a bound, one hostile client could keep the event loop busy

# Every repetition is possessive and an open string reaches to the end of the frame: the time is linear.
_STRING = rb'"(?:[^"\\]++|\\.)*+"?'
_TOKEN = re.compile(_STRING + rb"|[\[{]+|[\]}]+", re.DOTALL)
_SCALAR = re.compile(rb"\s*+:\s*+(" + _STRING + rb"|[^\s,\[\]{}]++)", re.DOTALL)

_HIGH, _LOW = rb"\\u[dD][89abAB][0-9a-fA-F]{2}", rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_SURROGATES = re.compile(rb"\\\\|" + _HIGH + _LOW + rb"|(" + _HIGH + rb"|" + _LOW + rb")")


def outline(frame: bytes) -> Mapping[bytes, bytes]:
    """The JSON texts of the object's own strings, numbers and words, by the JSON texts of their names.

    It is empty when the frame is not one closed object. Names and values may still be no valid JSON.
    """
    text = frame.strip()
    if text[:1] != b"{" or text[-1:] != b"}":
        return {}
    fields: dict[bytes, bytes] = {}
    depth = 0
    for token in islice(_TOKEN.finditer(text), MAX_TOKENS):
        first, size = text[token.start()], token.end() - token.start()
        if first in b"[{":
            depth += size
        elif first in b"]}":
            depth -= size
        elif depth == 1 and (value := _SCALAR.match(text, token.end())) is not None:
            fields[token[0]] = value[1]
    return fields if depth == 0 else {}


def well_formed(frame: bytes) -> bytes:
    r"""The frame with U+FFFD for each half of a surrogate pair that stands alone.

    JavaScript makes one by cutting a string within an emoji, and writes it as `\ud83d`. A browser that sends such a
    string as text, without JSON, puts U+FFFD there as well.
    """
    if b"\\u" not in frame:
        return frame
    return _SURROGATES.sub(lambda found: b"\\ufffd" if found[1] is not None else found[0], frame)
