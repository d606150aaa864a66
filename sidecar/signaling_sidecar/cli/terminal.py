"""Foreign text on a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with everything escaped that could move the cursor, colour the screen, or reverse the line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
