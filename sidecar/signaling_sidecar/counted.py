"""Writes a number of things in words, for people."""

from __future__ import annotations


def counted(number: int, thing: str) -> str:
    """Return `1 session`, `0 sessions` or `2,000 sessions` for the thing `session`."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
