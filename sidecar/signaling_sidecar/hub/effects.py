"""The types of the effects. The hub returns effects for each command, and the server must carry them out: send a
message to connections, close or challenge a connection, or write a record to the event log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from signaling_sidecar.hub.messages import CloseCode, Message


class Mark(msgspec.Struct, frozen=True, gc=False):
    """The sequence numbers that are added to a frame when it is sent in a resumable session."""

    s: int
    """The number of this frame."""
    handled: int | None = None
    """An acknowledgement: the number of the last frame from the client that was handled. None if the client has been
    told that number already."""


class Send(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Send one message to several connections. All of them speak the same dialect, so the message is encoded once."""

    connections: tuple[int, ...]
    message: Message
    marks: Mapping[int, Mark] | None = None
    """The sequence numbers for each connection whose session is resumable."""


class Close(msgspec.Struct, frozen=True, gc=False, tag=True):
    connection: int
    code: CloseCode
    reason: str


class Challenge(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Ping the connection now. When the connection answers, the server must give the hub the command `Alive`."""

    connection: int


class Record(msgspec.Struct, frozen=True, gc=False):
    """Write a record to the event log, which adds the schema version, the sequence number and the time."""

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
    """The JSON text of a payload, or a mapping that is written as a JSON object."""
    c: int | None = None
    """The sequence number that the client gave the frame that the record is about."""
    numbers: Mapping[str, int] | None = None
    """By session id, the sequence number of the frame that told a resumable session about the recorded event."""


FRAME_RECORDS = frozenset({"signal.relayed", "signal.kept"})
"""The types of records whose `data` is the payload of a frame, in the form in which the dialect relays it."""
Effect = Send | Close | Challenge | Record
