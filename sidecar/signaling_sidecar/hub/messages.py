"""The messages of the hub to the peers, in its own words.

A dialect encodes each one as a frame of its protocol, or leaves it out.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec
from msgspec import UNSET

from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub.rules import Reason
from signaling_sidecar.hub.views import JsonText, Limits, PeerView, RoomState, RoomView, Ticket


class PeerList(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The answer to a join: the peer is in the room, and these are the others."""

    kind: str
    """The type of the frame that is answered."""
    room: str
    peer: str
    """The id of the receiver itself."""
    joined_at_ms: int
    """When the receiver joined. Clients compare it with the times of the other peers to find out which of two peers
    joined first."""
    peers: tuple[PeerView, ...]
    """The others, in order of joining."""
    room_name: str | None = None
    state: RoomState | None = None
    ticket: Ticket | None = None
    handled: int | None = None
    """For a session that existed before: the last handled number of the client's own frames."""
    sent: int | None = None
    """For a session that existed before: the number of the last frame that was sent to it."""
    ice_servers: JsonText = UNSET
    """The configuration for the receiver's RTCPeerConnections. The server fills it in, because it depends on the time
    of day."""
    limits: Limits | None = None
    """The server fills them in, because they belong to the connection."""
    ref: JsonText = UNSET


class Resumed(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The session continues as if its connection had never been lost. The frames that were missed follow."""

    room: str
    peer: str
    handled: int
    ticket: Ticket
    ref: JsonText = UNSET


class NotResumed(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The session cannot be resumed. A `PeerList` follows."""

    why: str
    """`token` if a list of a new session follows, or `gap` if the session continues with a new list because not all
    missed frames are kept."""
    ref: JsonText = UNSET


class Ack(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Acknowledges the client's own frames up to this number."""

    handled: int


class Durability(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Reports a change: whether the session survives a restart of the sidecar."""

    durable: bool


class Greeting(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The greeting of a client, in protocols in which the server sends the first frame."""

    peer: str
    """The peer id of the receiver."""


class PeerJoined(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Reports that another peer has joined the room."""

    peer: PeerView
    room_name: str | None = None
    state: RoomState | None = None
    room: str = ""


class PeerLeft(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Reports that another peer has left the room."""

    peer: str
    reason: Reason
    room_name: str | None = None
    new_host: str | None = None
    """The peer id of the new host, or None if the host has not changed."""
    state: RoomState | None = None
    room: str = ""


class PeerUpdated(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag=True):
    """A peer has changed. A field that is None or UNSET has not changed."""

    peer: str
    away: bool | None = None
    name: str | None = None
    metadata: JsonText = UNSET
    instance: str | None = None
    state: RoomState | None = None
    room: str = ""


class RoomUpdated(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag=True):
    """The host has changed the room. A field that is None has not changed."""

    peer: str
    """The id of the host."""
    name: str | None = None
    mode: str | None = None
    state: RoomState | None = None
    room: str


class Relayed(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A frame from another peer of the room."""

    sender: str
    kind: str
    payload: bytes
    room_name: str | None = None
    room: str = ""
    receivers: int | None = None
    """The number of peers that the frame is sent to, if the rules of the room say that they are told."""


class Confirmed(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Confirms that the frame was accepted. It is only sent if the command requests it with `confirms`."""

    kind: str
    """The type of the frame."""
    ref: JsonText = UNSET


class Matched(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Reports that a room was created for the group of the receiver."""

    room: str
    peers: tuple[str, ...]
    """All peer ids of the group, in the order in which they began to wait."""
    peer: str
    """The id of the receiver."""


class Left(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Confirms that the receiver has left the room, as it requested."""

    room: str
    peer: str
    ref: JsonText = UNSET


class RoomEnded(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Reports that the room of the receiver has ended."""

    room: str
    by_admin: bool = False
    """Whether the admin has closed it. Otherwise no peer had sent anything for too long."""


class CloseCode(IntEnum):
    """The codes with which the hub or the server closes a connection (PROTOCOLS.md, "Close codes")."""

    REFUSED = 1008
    TOO_BIG = 1009
    RESTART = 1012
    FULL = 1013
    REPLACED = 4001
    REMOVED = 4003
    UNAUTHORISED = 4401


EXPIRED, REVOKED = "token expired", "token revoked"
"""The reasons of a Close with the code 4401 whose client can come back with another token."""


class RoomLost(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The connection has lost its session in one room, and stays open because it is in other rooms.

    A connection that loses its only session is closed with the same code and reason instead.
    """

    room: str
    peer: str
    code: CloseCode
    reason: str


class Notice(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A text from the admin to all peers in the room."""

    text: str
    room: str = ""


class Expired(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A frame that the receiver has sent has expired: the peer that it was kept for has not joined in time."""

    to: str
    """The id of the peer that the frame was for."""
    room: str
    ref: JsonText = UNSET
    """The JSON text of the frame's own "id" field."""
    peer: str = ""
    """The id of the receiver of this message, which has sent the frame."""


class RoomsListed(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The list of rooms. `ref` is only set if the list answers a frame."""

    rooms: tuple[RoomView, ...]
    ref: JsonText = UNSET


class Pong(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The answer to a `Ping`."""

    ref: JsonText = UNSET


class Refused(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Reports that a frame of the receiver was refused."""

    refusal: Refusal
    kind: str | None
    """The type of the refused frame. None when it could not be read."""
    joined: bool
    """Whether the receiver is in a room."""
    ref: JsonText = UNSET
    c: int | None = None
    """The number that the client gave the frame. A refused frame counts as handled."""
    handled: int | None = None
    """The last number that was handled, if the refused frame does not count as handled."""
    room: str | None = None
    """The room that the frame was about, if it is known."""
    to: str | None = None
    """The receiver that the frame named, if it was a `Relay` to one peer."""
    peer: str | None = None
    """The id of the receiver of this message, or the id that it has asked for in its join."""


Numbered = PeerJoined | PeerLeft | PeerUpdated | Relayed | Notice | Expired | Refused
"""Messages that a resumable session gets once each and in order, even when its connection is lost in between."""
Roster = PeerList | PeerJoined | PeerLeft | PeerUpdated | RoomUpdated
Welcome = PeerList | Resumed | Matched | Greeting
"""Messages after which a client may listen without ever sending anything."""
RoomsChanged = PeerList | Resumed | Matched | Left | RoomLost | RoomEnded
"""Messages by which a connection learns that it is in a room, or not any more."""
LastWords = Refused | Left | RoomEnded
"""Messages after which a dialect may close the receiver's connection."""
Resuming = Resumed | NotResumed | Ack | Durability
Message = (
    Roster
    | LastWords
    | Relayed
    | Notice
    | Expired
    | RoomLost
    | Matched
    | RoomsListed
    | Pong
    | Greeting
    | Confirmed
    | Resuming
)
