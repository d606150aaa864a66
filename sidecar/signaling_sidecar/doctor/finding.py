"""The result of one check, and how to correct it if it is an error."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Level(StrEnum):
    """How serious a finding is. A missing feature is an error only if somebody has requested it."""

    OK = "ok"
    NOTE = "note"
    """Information, or a feature that does not work, but that nobody has requested."""
    WRONG = "wrong"
    """An error: something that was requested does not work. With an error, the exit code of `sidecar doctor` is 1."""


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """The result of one check. `code` is for programs and must never be renamed. The texts are safe to print."""

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


def wrong_if(is_requested: bool, code: str, sentence: str, remedy: str) -> Finding:
    """Report a missing feature: as an error if the feature was requested, otherwise as a note."""
    return Finding(code, Level.WRONG if is_requested else Level.NOTE, sentence, remedy)
