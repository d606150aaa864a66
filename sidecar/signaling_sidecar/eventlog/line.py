"""Define and encode the lines of the event log. The JSON Schema of the log is generated from the type `Line`."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from signaling_sidecar.hub.effects import Record

SCHEMA_VERSION = 1  # the type of a field must not change within a version; readers ignore unknown fields

Whole = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]  # the range of a 64-bit integer column


class Line(msgspec.Struct, omit_defaults=True, gc=False):
    """One record as it is written. It has no nested objects, and a field that is absent means null."""

    v: Whole
    """The schema version."""
    seq: Whole
    """The number of the record. It is counted from 1 in each run of the sidecar (each boot), across all segments. If
    several sidecars work as one (a cluster), it is counted from 1 in each run of the cluster. There, the header and the
    checkpoint at the beginning of a segment repeat the number of the record before them, and so does the last record of
    an exported log."""
    ts: float
    """The wall-clock time in seconds since 1970 (the Unix epoch)."""
    type: str
    """What happened, such as `peer.joined`: lower case, with a dot, in the past tense."""
    dialect: str | None = None
    room: str | None = None
    peer: str | None = None
    """The id of the peer that the record is about. For a signal this is the sender."""
    to: str | None = None
    """The receiver of a signal. Absent if the signal was sent to all other peers in the room."""
    connection: Whole | None = None
    """The number of the WebSocket connection, counted from 1 in each run of the sidecar."""
    session: str | None = None
    """The id of the session, which is one peer's presence in one room from joining to leaving. It is unique."""
    kind: str | None = None
    """The type of the frame that a client sent."""
    bytes: Whole | None = None
    """The size of the frame as it was received."""
    c: Whole | None = None
    """The number `c` that a client with a resumable session gave its frame."""
    numbers: str | None = None
    """A JSON object as text. For each resumable session that the sidecar has sent this event to, it maps the session's
    id to the number of the frame that the session got."""
    data: str | None = None
    """More details as JSON text. It is text so that every column of the log has one type, whatever a signal
    contains."""


_encoder = msgspec.json.Encoder()
_encode = _encoder.encode


def line_schema() -> dict[str, Any]:
    """Generate the JSON Schema of a line from the type that is used to write it."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Line)}


def line_of(record: Record, seq: int, ts: float, data: str | None) -> Line:
    return Line(
        SCHEMA_VERSION,
        seq,
        ts,
        record.type,
        record.dialect,
        record.room,
        record.peer,
        record.to,
        record.connection,
        record.session,
        record.kind,
        record.size,
        record.c,
        None if record.numbers is None else _encode(record.numbers).decode(),
        data,
    )


def encode_lines(lines: list[Line]) -> bytes:
    """Encode the lines as JSON, each followed by a newline."""
    return _encoder.encode_lines(lines)
