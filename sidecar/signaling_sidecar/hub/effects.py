"""The effects of the hub: what the server must do after a command.

An effect sends a message to connections, closes or challenges a connection, or writes a record to the event log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from signaling_sidecar.hub.messages import CloseCode, Message


class Mark(msgspec.Struct, frozen=True, gc=False):
    """The numbers that a frame to a resumable session carries beside its message."""

    s: int
    """The number of the frame itself."""
    handled: int | None = None
    """The last handled number of the client's own frames, or None if the client has been told already."""


class Send(msgspec.Struct, frozen=True, gc=False, tag=True):
    """One message to connections that all speak one dialect, so that it is encoded once."""

    connections: tuple[int, ...]
    message: Message
    marks: Mapping[int, Mark] | None = None
    """The numbers by connection, for the receivers whose frames are numbered."""


class Close(msgspec.Struct, frozen=True, gc=False, tag=True):
    connection: int
    code: CloseCode
    reason: str


class Challenge(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Ping the connection now. When it answers, the server gives the hub the command `Alive`."""

    connection: int


class Record(msgspec.Struct, frozen=True, gc=False):
    """A line of the event log, without the schema version, sequence number and time that the log itself adds."""

    type: str
    dialect: str | None = None
    room: str | None = None
    peer: str | None = None
    to: str | None = None
    connection: int | None = None
    session: str | None = None
    kind: str | None = None
    size: int | None = None
    """The size of the frame as the client sent it."""
    data: bytes | Mapping[str, Any] | None = None
    """The JSON text of a payload, or an object that is written as JSON."""
    c: int | None = None
    """The number that the client gave its frame."""
    numbers: Mapping[str, int] | None = None
    """For each session id, the number of the frame that told the session about this record."""


FRAME_RECORDS = frozenset({"signal.relayed", "signal.kept"})
"""The types of records whose `data` is the payload of a frame, as its dialect relays it."""
Effect = Send | Close | Challenge | Record
