"""How the tests represent the text frames of a dialect."""

from __future__ import annotations

import json
from typing import Any


class Text(str):
    """A text frame that is not JSON. All other text frames are represented by their JSON values."""

    __slots__ = ()


def value_of(text: str | bytes) -> Any:
    """Return the JSON value of a text frame, or the whole frame if it is not JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return Text(text if isinstance(text, str) else text.decode())


def text_of(frame: Any) -> str:
    """Return the text of a frame that `value_of` would convert to this value."""
    return frame if isinstance(frame, Text) else json.dumps(frame, separators=(",", ":"))
