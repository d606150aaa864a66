"""Writes the `data` of a record for people: as indented JSON, with each line of a session description on a line of its
own, and without control characters."""

from __future__ import annotations

import re
from itertools import accumulate

import msgspec

from signaling_sidecar.errors import NOT_JSON
from signaling_sidecar.untrusted_text import visible

INDENT = 2
# The indentation of each line is as long as the sender has nested brackets. Since Python 3.14, the JSON decoder accepts
# a frame of 200 kB with 20,000 levels, and its indented text would have 800 MB. Frames of WebRTC have under 20 levels.
MAX_LEVELS = 50
# The last quotation mark is optional. Otherwise, each quotation mark of a string without an end would begin a search
# through the whole rest of the text.
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{\]}]', re.DOTALL)
# An escape in JSON. Escapes are matched one at a time, because the second backslash of `\\n` begins no escape.
_ESCAPE = re.compile(r"\\(?:(r\\n|n)|.)")


def payload_text(data: str | None) -> str:
    """Write the payload as lines of text. Data that is not JSON, or is nested too deeply, is not indented."""
    if not data:
        return "the log does not hold the payload of this record"
    try:
        text = msgspec.json.format(data, indent=INDENT) if _levels(data) <= MAX_LEVELS else data
    except NOT_JSON:
        text = data
    return "\n".join(visible(line) for whole in text.split("\n") for line in _broken(whole))


def _broken(line: str) -> list[str]:
    """Break a line of JSON where its text has an escaped line break, such as in an SDP, and indent the following
    lines."""
    margin = " " * (len(line) - len(line.lstrip()) + INDENT)
    return _ESCAPE.sub(lambda found: f"\n{margin}" if found[1] else found[0], line).split("\n")


def _levels(data: str) -> int:
    """Return how many brackets of the JSON text are open at the same time, at most."""
    tokens = (found[0] for found in _STRING_OR_BRACKET.finditer(data))
    return max(accumulate({"[": 1, "{": 1, "]": -1, "}": -1}.get(token, 0) for token in tokens), default=0)
