"""A record's `data` as it is shown to somebody: JSON indented, a description line by line, nothing a screen acts on."""

from __future__ import annotations

import re

import msgspec

from signaling_sidecar.errors import NOT_JSON
from signaling_sidecar.untrusted_text import visible

INDENT = 2
_ESCAPE = re.compile(r"\\(?:(r\\n|n)|.)")  # of JSON, one at a time: in `\\n` the second backslash begins none


def payload_text(data: str | None) -> str:
    """Write it in lines; what is no JSON, or nested too deep to be indented, as it came."""
    if not data:
        return "the log holds no payload of it"
    try:
        text = msgspec.json.format(data, indent=INDENT)
    except NOT_JSON:
        text = data
    return "\n".join(visible(line) for whole in text.split("\n") for line in _broken(whole))


def _broken(line: str) -> list[str]:
    """Break a line of JSON where its text does, such as the SDP in it; what follows stands below its beginning."""
    margin = " " * (len(line) - len(line.lstrip()) + INDENT)
    return _ESCAPE.sub(lambda found: f"\n{margin}" if found[1] else found[0], line).split("\n")
