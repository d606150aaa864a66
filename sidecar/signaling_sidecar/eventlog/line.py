"""The event log's lines. The types here are its schema."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from signaling_sidecar.hub.effects import Record

SCHEMA_VERSION = 1  # a field's type never changes within a version; readers ignore fields they do not know

Whole = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]  # what a column of numbers holds


class Line(msgspec.Struct, omit_defaults=True, gc=False, kw_only=True):
    """One record as it is written: flat, and every field of one type for ever. An absent field is null."""

    v: Whole
    """Schema version."""
    seq: Whole
    """Counts per boot, from 1, over all its segments."""
    ts: float
    """Wall clock, seconds since the epoch."""
    type: str
    """What happened: lower-case, dotted, past tense."""
    dialect: str | None = None
    room: str | None = None
    peer: str | None = None
    """Whom it is about; for a signal, its sender."""
    to: str | None = None
    """A signal's receiver; absent: all others in the room."""
    connection: Whole | None = None
    """One WebSocket; counts per boot."""
    session: str | None = None
    """One peer's stay in one room; never used twice."""
    kind: str | None = None
    """The type of the frame."""
    bytes: Whole | None = None
    """Size of the frame as it came."""
    c: Whole | None = None
    """The number that a resumable client gave its frame."""
    numbers: str | None = None
    """JSON text of an object: by session, the number of the frame that told it of this."""
    data: str | None = None
    """More about it, as JSON text: text, so that the file has one type per column whatever was signalled."""


_encode = msgspec.json.Encoder().encode


def line_schema() -> dict[str, Any]:
    """Give the JSON Schema of a line, made of the type that writes it."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Line)}


def write_line(record: Record, seq: int, ts: float, data: str | None) -> bytes:
    return (
        _encode(
            Line(
                v=SCHEMA_VERSION,
                seq=seq,
                ts=ts,
                type=record.type,
                dialect=record.dialect,
                room=record.room,
                peer=record.peer,
                to=record.to,
                connection=record.connection,
                session=record.session,
                kind=record.kind,
                bytes=record.size,
                c=record.c,
                numbers=None if record.numbers is None else _encode(record.numbers).decode(),
                data=data,
            )
        )
        + b"\n"
    )
