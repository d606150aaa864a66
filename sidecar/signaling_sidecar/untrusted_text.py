"""Make text from peers safe to display on one line. The result must still be escaped for HTML, SVG or Markdown."""

from __future__ import annotations

import bisect
import itertools
import sys
import unicodedata

_JOINER = "\u200d"  # ZERO WIDTH JOINER: not printable in Python, but needed by emoji of several characters


def visible(text: str) -> str:
    r"""Escape each character that controls a terminal instead of being shown: ESC becomes `\x1b`, a newline `\n`.

    Bidirectional overrides and line separators are escaped too, so that the text stays on its line and cannot reorder
    the text around it.
    """
    return "".join(c if c.isprintable() or c == _JOINER else c.encode("unicode_escape").decode() for c in text)


def printable(text: str) -> str:
    r"""Escape each character that the encoding of stdout lacks, as `\u` and four digits, so that `print` does not fail.

    On Windows, an output that is redirected to a file lacks most characters.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def shown_width(text: str) -> int:
    """Count the columns that `text` takes in a terminal: wide characters (UAX #11) take two, combining ones none."""
    return sum(_cells(c) for c in text)


def _cells(character: str) -> int:
    if character == _JOINER or unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def shortened(text: str, width: int) -> str:
    """Apply `visible`, then shorten the text to at most `width` columns; an ellipsis marks where it was cut."""
    text = visible(text)
    ends = list(itertools.accumulate(map(_cells, text)))  # the column at which each character ends
    if not ends or ends[-1] <= width:
        return text
    return text[: bisect.bisect_right(ends, width - 1)] + "…"
