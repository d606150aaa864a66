"""A record without what tells who was there: for a copy of the log that somebody else may read.

1. It is an allow-list (`shareable.py`): a string stays when it is a known word under a known key. Every other one, keys
   included, is replaced by its pseudonym, which is the same in the whole copy (`pseudonyms.py`). What is allowed
   depends on who says it: numbers stay where the sidecar records them, not where an app uses the same key.
2. What a diagnosis is made of stays: who is the same, the order, the times, the sizes, the ports, the codes, the kind
   of each address, and what a description or a candidate says about its connection (`redact_sdp.py`), also inside of a
   string (`nested_text.py`), which is written in the same way again.
3. Data that cannot be read is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any

import msgspec

from signaling_sidecar.errors import NOT_JSON
from signaling_sidecar.eventlog.boots import counted, run_number
from signaling_sidecar.eventlog.line import Line
from signaling_sidecar.eventlog.nested_text import CANDIDATE, DESCRIPTION, MAX_LAYERS, nested
from signaling_sidecar.eventlog.origin import is_insecure
from signaling_sidecar.eventlog.payload import SDP_TYPES
from signaling_sidecar.eventlog.pseudonyms import Pseudonyms
from signaling_sidecar.eventlog.redact_sdp import redact_candidate, redact_description
from signaling_sidecar.eventlog.shareable import (
    APP_WORDS,
    APPS_OWN,
    KEYS,
    KINDS,
    MAX_MEDIA_SECTION,
    NUMBERS,
    TRACE_NUMBERS,
    TRACE_WORDS,
    VERSION,
    VERSIONED,
    DialectWords,
)
from signaling_sidecar.hub.effects import FRAME_RECORDS
from signaling_sidecar.hub.payloads import BASE64

_RECORD_TYPE = re.compile(r"[a-z_]{1,20}\.[a-z_]{1,20}")  # only the sidecar writes one
_MEANINGS = SDP_TYPES | {"candidate"}
_MAX_NUMBER = 2**53  # above it JSON's readers disagree, and the sidecar has none
_NAMED = KINDS.keys() - {"message"}
"""Under these a string is somebody's or something's name, whatever it looks like: it has one pseudonym everywhere."""
_NO_WORDS: frozenset[str] = frozenset()
_SUMMARY = frozenset({"summary", "description_bytes", "ufrag", "candidate"})


class _Voice(Enum):
    """Who says what stands somewhere in a record's data."""

    SIDECAR = "the sidecar, which records it"
    BROWSER = "a browser that reports of its connections"
    APP = "an app, in a frame or of its peer"


class Redactor:
    """Redacts the records of one copy, in their order. `words` are those of the dialects whose records may be in it."""

    def __init__(self, words: DialectWords) -> None:
        self._names = Pseudonyms()
        self._words, self._frame_types = words.by_key(), words.frame_types

    def redact(self, line: Line) -> Line:
        """Give the record as it may be shared."""
        return Line(
            v=line.v,
            seq=line.seq,
            ts=line.ts,
            type=line.type if _RECORD_TYPE.fullmatch(line.type) else self._names.of(line.type, "type"),
            dialect=self._column("dialect", line.dialect),
            room=self._column("room", line.room),
            peer=self._column("peer", line.peer),
            to=self._column("to", line.to),
            connection=line.connection,
            session=self._column("session", line.session),
            kind=self._column("kind", line.kind),
            bytes=line.bytes,
            c=line.c,
            numbers=self._numbers(line.numbers),
            data=self._data(line),
        )

    def _document(self, type_: str) -> _Document:
        return _Document(self._names, self._words, self._frame_types, type_)

    def _column(self, name: str, value: str | None) -> str | None:
        return None if value is None else self._document("").text(name, value, _Voice.SIDECAR)

    def _numbers(self, numbers: str | None) -> str | None:
        if numbers is None:
            return None
        try:
            by_session = msgspec.json.decode(numbers, type=dict[str, int])
        except NOT_JSON:
            return None
        told = {self._names.of(session, "session"): number for session, number in by_session.items()}
        return msgspec.json.encode(told).decode()

    def _data(self, line: Line) -> str | None:
        if line.data is None:
            return None
        try:
            data = msgspec.json.decode(line.data)
            document = self._document(line.type).value(None, data, _voice_of(line.type, data))
            return msgspec.json.encode(document).decode()
        except (ValueError, RecursionError):  # msgspec.DecodeError and UnicodeError are ValueErrors
            return None


def _voice_of(type_: str, data: Any) -> _Voice:
    if type_ == "trace.state":
        return _Voice.BROWSER
    is_summary = isinstance(data, dict) and data.get("summary") is True and data.keys() <= _SUMMARY
    return _Voice.APP if type_ in FRAME_RECORDS and not is_summary else _Voice.SIDECAR


class _Document:
    """The `data` of one record."""

    def __init__(
        self, names: Pseudonyms, words: Mapping[str, frozenset[str]], frame_types: frozenset[str], type_: str
    ) -> None:
        self._names, self._by_key, self._frame_types, self._type = names, words, frame_types, type_
        self._layers = 0

    def value(self, key: str | None, value: Any, voice: _Voice) -> Any:
        """Redact what stands under `key`; the things in a list stand under the list's."""
        if isinstance(value, dict):
            return {
                self._key(name): self.value(name, each, _Voice.APP if name in APPS_OWN else voice)
                for name, each in value.items()
            }
        if isinstance(value, list):
            return [self.value(key, each, voice) for each in value]
        if isinstance(value, str):
            return self.text(key, value, voice)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value if _keeps(key, value, voice) else 0
        return value

    def text(self, key: str | None, text: str, voice: _Voice) -> str:
        """Redact a string."""
        if key == BASE64:
            return ""  # the bytes of a binary frame, in which anything may be
        if text.startswith(DESCRIPTION):
            return redact_description(text, self._names)
        if text.startswith(CANDIDATE):
            return redact_candidate(text, self._names)
        is_version = key in VERSIONED and self._type == "log.header"
        if text in self._words(key, voice) or (is_version and VERSION.fullmatch(text)):
            return text
        opened = nested(text) if key not in _NAMED and self._layers < MAX_LAYERS else None
        if opened is not None:
            self._layers += 1
            rewritten = opened.rewritten(self.value(key, opened.document, _Voice.APP))
            self._layers -= 1
            return rewritten
        pseudonym = self._names.of(text, KINDS.get(key or "", "text"))
        if key == "boot" and run_number(text):
            return counted(run_number(text), pseudonym)  # the order of the runs stays
        if key == "origin":
            return f"http://{pseudonym}" if is_insecure(text) else pseudonym
        meaning = re.split("[_-]", text)[-1].lower()  # the tables and the diagnosis read a frame's type so
        is_kind = key in ("kind", "type") and meaning in _MEANINGS
        return f"{pseudonym}-{meaning}" if is_kind else pseudonym

    def _key(self, key: str) -> str:
        return key if key in KEYS or key in self._frame_types else self._names.of(key, "key")

    def _words(self, key: str | None, voice: _Voice) -> frozenset[str]:
        if key is None or (voice is _Voice.APP and key not in APP_WORDS):
            return _NO_WORDS
        own = TRACE_WORDS.get(key, _NO_WORDS) if voice is _Voice.BROWSER else _NO_WORDS
        return own | self._by_key.get(key, _NO_WORDS)


def _keeps(key: str | None, number: int | float, voice: _Voice) -> bool:
    """Whether a number tells nothing of anybody."""
    if abs(number) >= _MAX_NUMBER:
        return False
    if voice is _Voice.SIDECAR:
        return key in NUMBERS
    # Browsers number the media sections of a description; an app's own number may be called so, but is not so small.
    is_section = key == "sdpMLineIndex" and number in range(MAX_MEDIA_SECTION + 1)
    return is_section or (voice is _Voice.BROWSER and key in TRACE_NUMBERS)
