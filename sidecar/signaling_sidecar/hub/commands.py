"""What a connection, or time, asks of the hub.

`connection` is the server's number for one WebSocket. `kind` is the command's word in the event log. `ref` is the JSON
text of the frame's own "id" field, given back with a refusal. Every value here has been parsed: ids are valid names,
sizes are within their limits.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub.rules import Ending, RoomKey


class Join(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    kind: ClassVar[str] = "join"
    connection: int
    room: RoomKey
    at_ms: int
    """Wall clock of the request, ms since the epoch: shown to people, never computed with."""
    peer: str | None = None
    """None: the one it has, else a new one."""
    name: str | None = None
    metadata: msgspec.Raw | None = None
    """JSON text of an object."""
    instance: str | None = None
    """Random per page load: another one means that its RTCPeerConnections are gone."""
    capacity: int | None = None
    listed: bool | None = None
    ref: msgspec.Raw | None = None


class Leave(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    kind: ClassVar[str] = "leave"
    connection: int
    room: str | None = None
    peer: str | None = None
    ref: msgspec.Raw | None = None


class Relay(msgspec.Struct, frozen=True, gc=False):
    connection: int
    kind: str
    to: str | None
    """None: to all others in the room."""
    claimed_from: str | None
    payload: bytes
    """The frame, as the dialect relays it."""
    ref: msgspec.Raw | None = None


class Update(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    kind: ClassVar[str] = "update"
    connection: int
    name: str | None = None
    metadata: msgspec.Raw | None = None
    ref: msgspec.Raw | None = None


class Trace(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the browser saw of its RTCPeerConnections: for the event log, for nobody else."""

    kind: ClassVar[str] = "trace"
    connection: int
    payload: bytes
    ref: msgspec.Raw | None = None


class ListRooms(msgspec.Struct, frozen=True, gc=False):
    connection: int
    dialect: str


class WatchRooms(msgspec.Struct, frozen=True, gc=False):
    connection: int
    dialect: str


class UnwatchRooms(msgspec.Struct, frozen=True, gc=False):
    connection: int


class Ping(msgspec.Struct, frozen=True, gc=False):
    connection: int


class Refuse(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A frame that never became a command: the sender is told, and it is recorded."""

    connection: int
    refusal: Refusal
    kind: str | None = None
    size: int | None = None
    count: int = 1
    """Frames this one refusal stands for."""
    ref: msgspec.Raw | None = None


class End(msgspec.Struct, frozen=True, gc=False):
    """The connection is gone. What becomes of its peer's place is the room's rules'."""

    connection: int
    ending: Ending


class Tick(msgspec.Struct, frozen=True, gc=False):
    """Time has passed: carry out what `Hub.next_deadline_s` announced."""


Refusable = Join | Leave | Relay | Update | Trace | Refuse
Command = Refusable | ListRooms | WatchRooms | UnwatchRooms | Ping | End | Tick
