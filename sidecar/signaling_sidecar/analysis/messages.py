"""The messages between the server and the process that analyses the log.

The server writes requests to the stdin of the process, and reads one reply to each from its stdout, in their order. A
message is its length in four bytes, and then MessagePack.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

Key = tuple[str, str]
"""The dialect of a room, and its id."""

LENGTH_BYTES = 4
OUT_OF_MEMORY = "analysis-out-of-memory"
"""The code of the last reply of a process that ends for want of memory."""


class Begin(msgspec.Struct, frozen=True, tag=True):
    """The first request, without a reply: analyse the log in `folder`, which the run `boot` of the sidecar writes."""

    folder: str
    boot: str


class Survey(msgspec.Struct, frozen=True, tag=True):
    """Ask for the state of all rooms. The reply is an `Overview` in MessagePack."""


class Pairs(msgspec.Struct, frozen=True, tag=True):
    """Ask for the pairs of peers that are together in a room. The reply is a list of `PairNow` in MessagePack."""


class AskWhy(msgspec.Struct, frozen=True, tag=True):
    """Ask for all verdicts, or for those in some rooms. The reply is a `diagnosis.Why` in JSON."""

    room: str | None
    dialect: str | None


class Range(NamedTuple):
    """Which rows of a list are wanted: `length` rows from `start` on, or those around the record `seq`."""

    start: int
    length: int
    seq: int | None


class _OfRoom(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    key: Key
    state: dict[str, Any] | None
    """The room in the form of the admin API, or None if it has ended."""


class ShowRoom(_OfRoom, frozen=True, kw_only=True):
    """Ask for a room with its verdicts and drawings. This reply and the next three are JSON for the inspector's page.

    `pair` are the ids of two peers, and `kinds` are kinds of rows of the ladder. All are wanted if there are none.
    """

    pair: tuple[str, str] | None
    kinds: frozenset[str]


class ShowRows(_OfRoom, frozen=True, kw_only=True):
    """Ask for some rows of the ladder of a room."""

    range: Range
    pair: tuple[str, str] | None
    kinds: frozenset[str]


class ShowRecords(_OfRoom, frozen=True, kw_only=True):
    """Ask for some of the records whose type begins with `type_prefix`, and that contain `text`."""

    range: Range
    pair: tuple[str, str] | None
    type_prefix: str
    text: str


class ShowPayload(_OfRoom, frozen=True, kw_only=True):
    """Ask for the payload of one record."""

    seq: int


class Describe(msgspec.Struct, frozen=True, tag=True):
    """Ask for a room in Markdown, with pseudonyms. The reply is text in UTF-8."""

    key: Key
    pair: tuple[str, str] | None


Request = Survey | Pairs | AskWhy | ShowRoom | ShowRows | ShowRecords | ShowPayload | Describe


class Reply(msgspec.Struct, frozen=True, array_like=True):
    """The reply to one request. If `code` is not empty, the request has failed, and `body` is a sentence about it."""

    code: str
    body: bytes


class RoomPairs(msgspec.Struct, frozen=True, array_like=True):
    """The pairs of peers that are together in a room and have to connect there: how many are in which state, and the
    worst of them."""

    counts: dict[str, int]
    worst: str | None
    sentence: str | None
    """The verdict on the first of the worst pairs."""


class Overview(msgspec.Struct, frozen=True, array_like=True):
    """What the newest part of the log shows about all rooms."""

    seq: int
    """The number of the newest record."""
    changes_ts: float | None
    """The time at which a verdict may change although nothing is added to the log, in seconds since the epoch."""
    pairs: list[tuple[Key, RoomPairs]]
    logged: list[Key]
    """The rooms of which the log has records. The last one has the newest record."""
    unread: list[Key]
    """The rooms whose signals cannot be read."""
    elsewhere: list[tuple[str, str | None]]
    """The verdicts on pages that signal through another server, each with the next step."""
    reporting: frozenset[str]
    """The sessions whose browsers report the state of their connections."""
    how_to_report: str | None
    """What makes browsers report it."""


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
