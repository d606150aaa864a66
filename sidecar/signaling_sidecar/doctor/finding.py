"""One thing that was looked at, and what to do about it."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Level(StrEnum):
    """How it is."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing; nothing fails because of it, or nobody can know from here."""
    WRONG = "wrong"


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """`code` is for programs and never renamed; the sentences are for people, and safe to show in a terminal."""

    code: str
    level: Level
    sentence: str
    remedy: str | None = None


def ok(code: str, sentence: str, remedy: str | None = None) -> Finding:
    return Finding(code, Level.OK, sentence, remedy)


def note(code: str, sentence: str, remedy: str | None = None) -> Finding:
    return Finding(code, Level.NOTE, sentence, remedy)


def wrong(code: str, sentence: str, remedy: str) -> Finding:
    return Finding(code, Level.WRONG, sentence, remedy)
