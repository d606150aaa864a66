"""What the hub wants done: a message to connections, a connection closed, a record in the event log.

Messages are in the hub's own words; a dialect turns each into its wire text, or into nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub.rules import Reason

JsonText = msgspec.Raw | UnsetType
"""JSON text, or none of it: a message is read back from a checkpoint, where `Raw | None` could not be told apart."""


class PeerView(msgspec.Struct, frozen=True, gc=False):
    """A peer as the others of its room see it."""

    peer: str
    joined_at_ms: int
    name: str | None = None
    metadata: JsonText = UNSET
    instance: str | None = None
    away: bool = False


class RoomView(msgspec.Struct, frozen=True, gc=False):
    """A room as those outside see it."""

    room: str
    peers: int
    created_at_ms: int
    capacity: int | None = None


class RoomState(msgspec.Struct, frozen=True, gc=False):
    """A room as its own peers see it, where the rules say that they are told all of it."""

    room: str
    name: str | None
    host: str | None
    mode: str | None
    created_at_ms: int
    idle_s: float
    """Seconds since one of its peers sent something."""
    peers: tuple[PeerView, ...]
    """All of them, in order of joining."""


class Ticket(msgspec.Struct, frozen=True, gc=False):
    """With this a session may be resumed."""

    token: str
    grace_s: float
    """How long it is kept without a connection."""
    durable: bool
    """Whether what was kept for it outlives the sidecar's process."""


class Limits(msgspec.Struct, frozen=True, gc=False):
    """What a connection's frames are held to, so that its client need not send what would be refused."""

    frame_bytes: int
    frames_per_s: int
    burst: int
    """Frames at once."""
    kept_bytes: int
    """What is kept of the frames to a session that can be resumed."""


class PeerList(msgspec.Struct, frozen=True, gc=False):
    kind: str
    """The type of the frame that is answered."""
    room: str
    peer: str
    """The receiver itself."""
    joined_at_ms: int
    """When it joined: the others' own times say who came before whom."""
    peers: tuple[PeerView, ...]
    """The others, in order of joining."""
    room_name: str | None = None
    state: RoomState | None = None
    ticket: Ticket | None = None
    handled: int | None = None
    """The last of the receiver's own numbers that was handled, when it had some before."""
    sent: int | None = None
    """Where the numbers of the frames to it stand, when it had some before."""
    ice_servers: JsonText = UNSET
    """What its RTCPeerConnections should use. Not the hub's to say: a password depends on the time of day."""
    limits: Limits | None = None
    """Not the hub's to say: they are the connection's."""


class Resumed(msgspec.Struct, frozen=True, gc=False):
    """The session goes on as if nothing had been: what was missed follows."""

    room: str
    peer: str
    handled: int
    ticket: Ticket


class NotResumed(msgspec.Struct, frozen=True, gc=False):
    """A list follows, of a new session (`token`) or of the old one (`gap`)."""

    why: str


class Ack(msgspec.Struct, frozen=True, gc=False):
    handled: int


class Durability(msgspec.Struct, frozen=True, gc=False):
    """Whether the session outlives the sidecar's process is another than its receiver was told."""

    durable: bool


class PeerJoined(msgspec.Struct, frozen=True, gc=False, tag=True):
    peer: PeerView
    room_name: str | None = None
    state: RoomState | None = None


class PeerLeft(msgspec.Struct, frozen=True, gc=False, tag=True):
    peer: str
    reason: Reason
    room_name: str | None = None
    new_host: str | None = None
    """The host from now on, when it is another one than before."""
    state: RoomState | None = None


class PeerUpdated(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag=True):
    """What changed; None: unchanged."""

    peer: str
    away: bool | None = None
    name: str | None = None
    metadata: JsonText = UNSET
    instance: str | None = None
    state: RoomState | None = None


class RoomUpdated(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What changed; None: unchanged."""

    peer: str
    """Who changed it."""
    name: str | None = None
    mode: str | None = None
    state: RoomState | None = None


class Relayed(msgspec.Struct, frozen=True, gc=False, tag=True):
    sender: str
    kind: str
    payload: bytes
    room_name: str | None = None


class Matched(msgspec.Struct, frozen=True, gc=False):
    """A room was found for a group."""

    room: str
    peers: tuple[str, ...]
    """In the order in which they came to wait, the receiver among them."""


class Left(msgspec.Struct, frozen=True, gc=False):
    """To the peer itself: it has left its room."""


class RoomEnded(msgspec.Struct, frozen=True, gc=False):
    """To a peer that was in it when it was ended."""


class Notice(msgspec.Struct, frozen=True, gc=False, tag=True):
    """What the admin has to say to a room."""

    text: str


class RoomsListed(msgspec.Struct, frozen=True, gc=False):
    rooms: tuple[RoomView, ...]


class Pong(msgspec.Struct, frozen=True, gc=False):
    pass


class Refused(msgspec.Struct, frozen=True, gc=False, tag=True):
    refusal: Refusal
    ref: JsonText
    kind: str | None
    """The type of the frame that is refused; None: it was not read."""
    joined: bool
    """Whether the receiver is in a room."""
    c: int | None = None
    """The frame's own number, which is handled with this refusal."""
    handled: int | None = None
    """The last number that was handled, when this frame's was not."""


Numbered = PeerJoined | PeerLeft | PeerUpdated | Relayed | Notice | Refused
"""Messages that a resumable session gets each once, in order, whatever happens to its connection."""
Roster = PeerList | PeerJoined | PeerLeft | PeerUpdated | RoomUpdated
LastWords = Refused | Left | RoomEnded
"""Messages after which a dialect may end its receiver's connection."""
Message = Roster | LastWords | Relayed | Notice | Matched | RoomsListed | Pong | Resumed | NotResumed | Ack | Durability


class Mark(msgspec.Struct, frozen=True, gc=False):
    """What a numbered frame carries besides its message."""

    s: int
    handled: int | None = None
    """The last of the receiver's own numbers that was handled, when it has not been told."""


class Send(msgspec.Struct, frozen=True, gc=False):
    """One message to connections of one dialect: it is encoded once."""

    connections: tuple[int, ...]
    message: Message
    marks: Mapping[int, Mark] | None = None
    """By connection, for those whose frames are numbered."""


class CloseCode(IntEnum):
    """Why the hub or the server ends a connection, on the wire (PROTOCOLS.md, "Close codes")."""

    REFUSED = 1008
    TOO_BIG = 1009
    RESTART = 1012
    FULL = 1013
    REPLACED = 4001
    REMOVED = 4003


class Close(msgspec.Struct, frozen=True, gc=False):
    connection: int
    code: CloseCode
    reason: str


class Challenge(msgspec.Struct, frozen=True, gc=False):
    """Ask the connection for a sign of life; `Alive` is the command when it comes."""

    connection: int


class Record(msgspec.Struct, frozen=True, gc=False):
    """A line of the event log, but for what the log itself stamps (schema version, sequence number, time)."""

    type: str
    dialect: str | None = None
    room: str | None = None
    peer: str | None = None
    to: str | None = None
    connection: int | None = None
    session: str | None = None
    kind: str | None = None
    size: int | None = None
    """Size of the frame as it came."""
    data: bytes | Mapping[str, Any] | None = None
    """A payload's JSON text, or an object to be written as one."""
    c: int | None = None
    """The number that the client gave its frame."""
    numbers: Mapping[str, int] | None = None
    """By session: the number of the frame that told it of this."""


Effect = Send | Close | Challenge | Record
