"""Remove from a record everything that identifies people and machines, so that a copy of the log can be shared.

1. Only known words are kept: a string stays unchanged if `allowed_words.py` lists it for its key. Every other string,
   unknown keys included, is replaced by a pseudonym, which is the same in the whole copy (`pseudonyms.py`). What is
   kept also depends on who wrote the data: under the same key, a number that the sidecar wrote may be kept, and a
   number that an app wrote is not.
2. Everything that a diagnosis needs is kept: which values are equal, the order, the times, the sizes, the ports, the
   error codes, the kind of each address, and the transport data in SDP and candidates (`redact_sdp.py`). Documents
   inside strings (`nested_text.py`) are redacted too, and encoded again in the same way.
3. Data that cannot be decoded is removed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any

import msgspec

from signaling_sidecar.errors import NOT_JSON
from signaling_sidecar.eventlog.allowed_words import (
    APP_WORDS,
    APPS_OWN,
    KINDS,
    MAX_MEDIA_SECTION,
    NUMBERS,
    TRACE_NUMBERS,
    TRACE_WORDS,
    VERSION,
    VERSIONED,
    DialectWords,
    known_keys,
)
from signaling_sidecar.eventlog.boot_ids import boot_id, run_number
from signaling_sidecar.eventlog.line import Line
from signaling_sidecar.eventlog.nested_text import CANDIDATE, DESCRIPTION, MAX_LAYERS, MIN_OPAQUE_CHARS, nested
from signaling_sidecar.eventlog.payload import SDP_TYPES, is_opaque, is_summary
from signaling_sidecar.eventlog.pseudonyms import Pseudonyms
from signaling_sidecar.eventlog.redact_sdp import redact_candidate, redact_description
from signaling_sidecar.eventlog.secure_context import is_insecure
from signaling_sidecar.hub.effects import FRAME_RECORDS
from signaling_sidecar.hub.payloads import BASE64
from signaling_sidecar.hub.rules import RoomKey

_RECORD_TYPE = re.compile(r"[a-z_]{1,20}\.[a-z_]{1,20}")  # all types that the sidecar writes match this
_MEANINGS = SDP_TYPES | {"candidate"}
_MAX_NUMBER = 2**53  # JSON readers disagree on larger integers, and the sidecar never writes them
_NAMED = KINDS.keys() - {"message"}
"""Keys whose strings are names or ids, and are not decoded even if they look like a document."""
_NO_WORDS: frozenset[str] = frozenset()


class _Author(Enum):
    """Who wrote a part of a record's data."""

    SIDECAR = "the sidecar"
    BROWSER = "a browser that reports the state of its connections"
    APP = "an app, in a frame or in the metadata of its peer"


class Redactor:
    """Redacts the records of one copy of a log, which must be passed in their order. `words` are the words that all
    dialects define."""

    def __init__(self, words: DialectWords) -> None:
        self._names = Pseudonyms()
        self._words, self._frame_types = words.by_key(), words.frame_types

    def redact(self, line: Line) -> Line:
        """Return the record in a form that can be shared."""
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
        return None if value is None else self._document("").text(name, value, _Author.SIDECAR)

    def _numbers(self, numbers: str | None) -> str | None:
        if numbers is None:
            return None
        try:
            by_session = msgspec.json.decode(numbers, type=dict[str, int])
        except NOT_JSON:
            return None
        redacted = {self._names.of(session, "session"): number for session, number in by_session.items()}
        return msgspec.json.encode(redacted).decode()

    def _data(self, line: Line) -> str | None:
        if line.data is None:
            return None
        try:
            data = msgspec.json.decode(line.data)
            document = self._document(line.type).value(None, data, _author_of(line.type, data))
            return msgspec.json.encode(document).decode()
        except (*NOT_JSON, ValueError):
            return None


def _author_of(type_: str, data: Any) -> _Author:
    if type_ == "trace.state":
        return _Author.BROWSER
    return _Author.APP if type_ in FRAME_RECORDS and not is_summary(data) else _Author.SIDECAR


class _Document:
    """The `data` of one record."""

    def __init__(
        self, names: Pseudonyms, words: Mapping[str, frozenset[str]], frame_types: frozenset[str], type_: str
    ) -> None:
        self._names, self._by_key, self._frame_types, self._type = names, words, frame_types, type_
        self._layers = 0

    def value(self, key: str | None, value: Any, author: _Author) -> Any:
        """Redact the value of `key`. The items of a list are treated as values of the key of the list."""
        if isinstance(value, dict):
            return {
                self._key(name): self.value(name, each, _Author.APP if name in APPS_OWN else author)
                for name, each in value.items()
            }
        if isinstance(value, list):
            if key in ("barred", "known_ids") and author is _Author.SIDECAR:
                return [self._in_room(each) for each in value]
            return [self.value(key, each, author) for each in value]
        if isinstance(value, str):
            return self.text(key, value, author)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value if _keeps(key, value, author) else 0
        return value

    def _in_room(self, room_and_peer: Any) -> Any:
        """Redact a pair of a room and a peer id in a checkpoint, which stores such pairs as lists without keys."""
        (dialect, room), peer = msgspec.convert(room_and_peer, tuple[RoomKey, str])
        texts = {"dialect": dialect, "room": room, "peer": peer}
        dialect, room, peer = (self.text(key, text, _Author.SIDECAR) for key, text in texts.items())
        return (dialect, room), peer

    def text(self, key: str | None, text: str, author: _Author) -> str:
        """Redact a string."""
        if key == BASE64:
            return ""  # the bytes of a binary frame, which may contain anything
        if text.startswith(DESCRIPTION):
            return redact_description(text, self._names)
        if text.startswith(CANDIDATE):
            return redact_candidate(text, self._names)
        is_version = key in VERSIONED and self._type == "log.header"
        if text in self._words(key, author) or (is_version and VERSION.fullmatch(text)):
            return text
        opened = nested(text) if key not in _NAMED and self._layers < MAX_LAYERS else None
        if opened is not None:
            self._layers += 1
            rewritten = opened.rewritten(self.value(key, opened.document, _Author.APP))
            self._layers -= 1
            return rewritten
        pseudonym = self._names.of(text, KINDS.get(key or "", "text"))
        if key == "boot" and run_number(text):
            return boot_id(run_number(text), pseudonym)  # the number of the run is kept, so that the runs stay in order
        if key == "origin":
            return f"http://{pseudonym}" if is_insecure(text) else pseudonym
        if author is _Author.APP and key not in KINDS and is_opaque(text):
            return pseudonym.ljust(MIN_OPAQUE_CHARS, "x")  # so that it still looks like an encrypted signal
        # The tables and the diagnosis recognise the type of a frame by its last word, such as `offer`.
        meaning = re.split("[_-]", text)[-1].lower()
        is_kind = key in ("kind", "type") and meaning in _MEANINGS
        return f"{pseudonym}-{meaning}" if is_kind else pseudonym

    def _key(self, key: str) -> str:
        return key if key in known_keys() or key in self._frame_types else self._names.of(key, "key")

    def _words(self, key: str | None, author: _Author) -> frozenset[str]:
        if key is None or (author is _Author.APP and key not in APP_WORDS):
            return _NO_WORDS
        own = TRACE_WORDS.get(key, _NO_WORDS) if author is _Author.BROWSER else _NO_WORDS
        return own | self._by_key.get(key, _NO_WORDS)


def _keeps(key: str | None, number: int | float, author: _Author) -> bool:
    """Whether a number identifies nobody, and can therefore be kept."""
    if abs(number) >= _MAX_NUMBER:
        return False
    if author is _Author.SIDECAR:
        return key in NUMBERS
    # Browsers number the media sections of a description from 0. A larger number under this key may be anything, and
    # must not be kept.
    is_section = key == "sdpMLineIndex" and number in range(MAX_MEDIA_SECTION + 1)
    return is_section or (author is _Author.BROWSER and key in TRACE_NUMBERS)
