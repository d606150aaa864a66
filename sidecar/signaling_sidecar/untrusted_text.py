"""Text that peers chose, made safe to show. Whoever draws it escapes it for his medium besides."""

from __future__ import annotations

import bisect
import itertools
import unicodedata

_JOINER = "\u200d"  # not printable to Python, but what holds an emoji of several people together


def visible(text: str) -> str:
    r"""Replace what a screen would act on instead of showing it: ESC becomes `\x1b`, a newline `\n`.

    Also bidirectional overrides and line separators (not printable); a peer's name is one line and stays in its place.
    """
    return "".join(c if c.isprintable() or c == _JOINER else c.encode("unicode_escape").decode() for c in text)


def shown_width(text: str) -> int:
    """Count the cells that `text` takes in a terminal: wide characters (UAX #11) take two, combining ones none."""
    return sum(_cells(c) for c in text)


def _cells(character: str) -> int:
    if character == _JOINER or unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def shortened(text: str, width: int) -> str:
    """Make `text` visible and cut it to `width` cells, with an ellipsis when something is missing."""
    text = visible(text)
    ends = list(itertools.accumulate(map(_cells, text)))  # where each character ends, in cells
    if not ends or ends[-1] <= width:
        return text
    return text[: bisect.bisect_right(ends, width - 1)] + "…"
