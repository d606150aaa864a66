"""One thing that was looked at, and what to do about it."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Level(StrEnum):
    """How it is. What nobody has asked for is no fault when it is missing: then it is information."""

    OK = "ok"
    NOTE = "note"
    """Information: nothing that was asked for fails because of it, or nobody can know from here."""
    WRONG = "wrong"
    """A fault: something that was asked for does not work. Only these make the doctor's exit code 1."""


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


def wrong_if(is_asked_for: bool, code: str, sentence: str, remedy: str) -> Finding:
    """A fault when what is missing was asked for, else information."""
    return Finding(code, Level.WRONG if is_asked_for else Level.NOTE, sentence, remedy)
