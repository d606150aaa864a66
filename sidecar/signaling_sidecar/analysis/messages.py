"""The messages between the server and the process that analyses the log.

The server writes requests to the stdin of the process, and reads one reply to each request from its stdout, in the same
order. Each message begins with its length in four bytes, followed by MessagePack.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

Key = tuple[str, str]
"""The dialect of a room, and its id."""

LENGTH_BYTES = 4
OUT_OF_MEMORY = "analysis-out-of-memory"
"""The `code` of a reply if the process has run out of memory. The process ends after this reply."""


class Begin(msgspec.Struct, frozen=True, tag=True):
    """The first message, which has no reply. The log to analyse is in `folder`, and the run `boot` of the sidecar
    writes it."""

    folder: str
    boot: str


class Survey(msgspec.Struct, frozen=True, tag=True):
    """Ask for the state of all rooms. The reply is an `Overview` in MessagePack."""


class Pairs(msgspec.Struct, frozen=True, tag=True):
    """Ask for the pairs of peers that are together in a room. The reply is a list of `PairNow` in MessagePack."""


class AskWhy(msgspec.Struct, frozen=True, tag=True):
    """Ask for the verdicts on the peers in all rooms, or in those with the id `room` and the dialect `dialect`. The
    reply is a `diagnosis.Why` in JSON."""

    room: str | None
    dialect: str | None


class Range(NamedTuple):
    """Which rows of a list are wanted: `length` rows from `start` on, or `length` rows around the record `seq`."""

    start: int
    length: int
    seq: int | None


class _OfRoom(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    key: Key
    state: dict[str, Any] | None
    """The room as the admin API describes it, or None if the room has ended."""


class ShowRoom(_OfRoom, frozen=True, kw_only=True):
    """Ask for a room with its verdicts and drawings.

    If `pair` is given, only two peers with these ids are wanted. `kinds` are the wanted kinds of rows in the ladder; if
    `kinds` is empty, all kinds are wanted. The replies to `ShowRoom`, `ShowRows`, `ShowRecords` and `ShowPayload` are
    JSON for the inspector's page.
    """

    pair: tuple[str, str] | None
    kinds: frozenset[str]


class ShowRows(_OfRoom, frozen=True, kw_only=True):
    """Ask for some rows of the ladder of a room."""

    range: Range
    pair: tuple[str, str] | None
    kinds: frozenset[str]


class ShowRecords(_OfRoom, frozen=True, kw_only=True):
    """Ask for some records of a room. Their type must begin with `type_prefix`, and they must contain `text`."""

    range: Range
    pair: tuple[str, str] | None
    type_prefix: str
    text: str


class ShowPayload(_OfRoom, frozen=True, kw_only=True):
    """Ask for the payload of one record."""

    seq: int


class Describe(msgspec.Struct, frozen=True, tag=True):
    """Ask for a description of a room in Markdown, with pseudonyms. The reply is text in UTF-8."""

    key: Key
    pair: tuple[str, str] | None


Request = Survey | Pairs | AskWhy | ShowRoom | ShowRows | ShowRecords | ShowPayload | Describe


class Reply(msgspec.Struct, frozen=True, array_like=True):
    """The reply to one request. If `code` is not empty, the request has failed, and `body` says why in a sentence."""

    code: str
    body: bytes


class RoomPairs(msgspec.Struct, frozen=True, array_like=True):
    """Counts, for each state, the pairs of peers that are together in a room and have to connect there. `worst` is the
    worst state among these pairs."""

    counts: dict[str, int]
    worst: str | None
    sentence: str | None
    """The verdict on the first pair in the worst state."""


class Overview(msgspec.Struct, frozen=True, array_like=True):
    """What the newest part of the log shows about all rooms."""

    boot: str
    """The boot id in the records of this run. In a cluster, all sidecars have the same."""
    seq: int
    """The number of the newest record."""
    changes_ts: float | None
    """The time at which a verdict may change although nothing is added to the log, in seconds since the epoch."""
    pairs: list[tuple[Key, RoomPairs]]
    logged: list[Key]
    """The rooms of which the log has records, in the order of their newest records."""
    unread: list[Key]
    """The rooms whose signals are encrypted or in an unknown form, so that the log does not show which peers should
    connect."""
    elsewhere: list[tuple[str, str | None]]
    """The verdicts on pages that signal through another server, each with the next step."""
    reporting: frozenset[str]
    """The sessions whose browsers report the state of their connections."""
    how_to_report: str | None
    """How to make browsers report the state of their connections."""
    refused_media: list[tuple[str, str]]
    """The sentences about pages that got no camera, microphone or screen, each with the next step."""


class PairNow(msgspec.Struct, frozen=True, array_like=True):
    """The verdict on two sessions that are in a room together. The texts quote what peers have sent."""

    key: Key
    sessions: tuple[str, str]
    labels: tuple[str, str]
    state: str
    sentence: str
    next_step: str | None


def framed(message: msgspec.Struct) -> bytes:
    """Return the message as it is written to a pipe."""
    body = msgspec.msgpack.encode(message)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body
