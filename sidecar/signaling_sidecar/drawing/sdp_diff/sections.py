"""Compares two session descriptions, section by section and line by line.

The first section of an SDP is the part before its first `m=` line, which describes the session. Each `m=` line begins
another section.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import zip_longest
from typing import NamedTuple, TypeVar

from signaling_sidecar.untrusted_text import visible

_SECRET = re.compile(r"^(a=ice-(?:ufrag|pwd):|a=fingerprint:\S+ )(\S+)")
_SHOWN_CHARS = 8  # characters of a secret; enough to tell two apart, and to show Chromium's whole ufrags (4 characters)


T = TypeVar("T")


class Mark(StrEnum):
    """How a line differs."""

    SAME = "same"
    CHANGED = "changed"
    REMOVED = "removed"
    """Only the first description has the line."""
    ADDED = "added"
    """Only the second description has the line."""


class Row(NamedTuple):
    """Two lines side by side, one of each description, in which secrets are shortened."""

    mark: Mark
    one: str | None
    other: str | None


class Section(NamedTuple):
    """A section of the two descriptions. Its rows contain None where only one of the descriptions has the section."""

    title: str
    rows: Sequence[Row]

    @property
    def changes(self) -> int:
        return sum(row.mark is not Mark.SAME for row in self.rows)


def compare(one: str, other: str) -> list[Section]:
    """Pair the sections of two descriptions, by their kind and in their order."""
    return [
        Section(_title(ours or theirs or []), list(_rows(ours or [], theirs or [])))
        for ours, theirs in _beside(_sections(one), _sections(other), _kind)
    ]


def titled_sections(sdp: str) -> list[tuple[str, str]]:
    """Return the title and the text of each section of a description, in which secrets are shortened."""
    return [(_title(section), "\n".join(visible(_shown(line)) for line in section)) for section in _sections(sdp)]


def _sections(sdp: str) -> list[list[str]]:
    sections: list[list[str]] = [[]]
    for line in filter(None, re.split(r"\r\n|\r|\n", sdp)):
        if line.startswith("m="):
            sections.append([])
        sections[-1].append(line)
    return sections


def _kind(section: Sequence[str]) -> str:
    """Return `audio` for a section that begins with `m=audio 9 …`, and `session` for the first section."""
    first = section[0] if section else ""
    return first[2:].split(" ")[0] if first.startswith("m=") else "session"


def _title(section: Sequence[str]) -> str:
    mid = next((line.removeprefix("a=mid:") for line in section if line.startswith("a=mid:")), None)
    kind = _kind(section)
    return kind if kind == "session" else f"m={kind}" if mid is None else f"m={kind}, mid {mid}"


def _rows(ours: Sequence[str], theirs: Sequence[str]) -> Iterator[Row]:
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from (Row(Mark.SAME, _shown(line), _shown(line)) for line in ours[i1:i2])
            continue
        for one, other in _beside(ours[i1:i2], theirs[j1:j2], _attribute):
            mark = Mark.REMOVED if other is None else Mark.ADDED if one is None else Mark.CHANGED
            yield Row(mark, one and _shown(one), other and _shown(other))


def _attribute(line: str) -> str:
    """Return the attribute of a line: `a=setup` for `a=setup:active`, `a=rtpmap:96` for `a=rtpmap:96 VP8/90000`."""
    if line.startswith(("a=rtpmap:", "a=rtcp-fb:", "a=fmtp:", "a=extmap:")):
        return line.split(" ")[0]
    return line.split(":")[0] if line.startswith("a=") else line[:2]


def _beside(ours: Sequence[T], theirs: Sequence[T], key: Callable[[T], str]) -> Iterator[tuple[T | None, T | None]]:
    """Pair elements with the same key, in order. An element without a partner is paired with None."""
    matcher = SequenceMatcher(None, [key(each) for each in ours], [key(each) for each in theirs], autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            yield from zip_longest(ours[i1:i2], theirs[j1:j2])
        else:
            yield from ((one, None) for one in ours[i1:i2])
            yield from ((None, other) for other in theirs[j1:j2])


def _shown(line: str) -> str:
    secret = _SECRET.match(line)
    if secret is None or len(secret[2]) <= _SHOWN_CHARS:
        return line
    return f"{secret[1]}{secret[2][:_SHOWN_CHARS]}…"
