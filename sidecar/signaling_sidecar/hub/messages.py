"""The types of the messages that the hub sends to peers. They are the same for all dialects.

A dialect encodes each message as a frame of its protocol, or does not send it if its protocol has no such frame.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec
from msgspec import UNSET

from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub.rules import Reason
from signaling_sidecar.hub.views import JsonText, Limits, PeerView, RoomState, RoomView, Ticket


class PeerList(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The answer to a join: the receiver is in the room, and these are the other peers there."""

    kind: str
    """The type of the frame that is answered."""
    room: str
    peer: str
    """The peer id of the receiver."""
    joined_at_ms: int
    """When the receiver joined. Clients compare it with the times of the other peers to find out which of two peers
    joined first."""
    peers: tuple[PeerView, ...]
    """The other peers, in order of joining."""
    room_name: str | None = None
    state: RoomState | None = None
    ticket: Ticket | None = None
    handled: int | None = None
    """In a resumable session: the number of the last frame from the client that was handled."""
    sent: int | None = None
    """In a resumable session: the number of the last frame that was sent to the client."""
    ice_servers: JsonText = UNSET
    """The ICE servers for the receiver's RTCPeerConnections. The server adds them, because their credentials depend on
    the time of day."""
    limits: Limits | None = None
    """The limits for the frames that the receiver may send. The server adds them."""
    ref: JsonText = UNSET


class Resumed(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The session continues as if its connection had never been lost. The frames that the client has missed follow."""

    room: str
    peer: str
    handled: int
    ticket: Ticket
    ref: JsonText = UNSET


class NotResumed(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The session cannot be resumed. A `PeerList` follows."""

    why: str
    """`token` if the token was not accepted: then the `PeerList` is for a new session. `gap` if the session continues,
    but not all missed frames were kept: then the `PeerList` replaces them."""
    ref: JsonText = UNSET


class Ack(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Acknowledges the frames of the client up to the number `handled`."""

    handled: int


class Durability(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Reports that the session now survives a restart of the sidecar, or does not any longer."""

    durable: bool


class Greeting(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The first message to a client, in protocols in which the server sends the first frame. It is also sent if the
    handshake alone has continued a session."""

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
    """The number of peers that the frame is sent to, if the room's rules have `publishes`. Otherwise None."""


class Confirmed(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Confirms that a frame of the receiver was accepted. It is only sent if the command has `confirms`."""

    kind: str
    """The type of the frame."""
    ref: JsonText = UNSET


class Matched(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Reports that matchmaking has created a room for the receiver and other peers."""

    room: str
    peers: tuple[str, ...]
    """All peer ids of the group, in the order in which they began to wait."""
    peer: str
    """The peer id of the receiver."""


class Left(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Confirms that the receiver has left the room, as it requested."""

    room: str
    peer: str
    ref: JsonText = UNSET


class RoomEnded(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Reports that the room of the receiver has ended."""

    room: str
    by_admin: bool = False
    """Whether the admin has closed the room. Otherwise it was idle for too long (`Endings.idle_s`)."""


class CloseCode(IntEnum):
    """The codes with which the hub or the server closes a connection (PROTOCOLS.md, "Close codes")."""

    REFUSED = 1008
    RESTART = 1012
    FULL = 1013
    REPLACED = 4001
    REMOVED = 4003
    UNAUTHORISED = 4401


EXPIRED, REVOKED = "token expired", "token revoked"
"""If a connection is closed with the code 4401 and one of these reasons, its client can reconnect with another
token."""


class RoomLost(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Reports that the connection has lost its session in one room. The connection stays open, because it has
    sessions in other rooms.

    A connection that loses its only session gets no such message, but is closed with the same code and reason.
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
    """Reports that a frame of the receiver has expired, because the peer that it was kept for has not joined in
    time."""

    to: str
    """The id of the peer that the frame was for."""
    room: str
    ref: JsonText = UNSET
    """The JSON text of the frame's own "id" field."""
    peer: str = ""
    """The id of the peer that has sent the frame, which is the receiver of this message."""


class RoomsListed(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The list of rooms. `ref` is the id of the frame that asked for it. The lists that a watcher gets after changes
    have no `ref`."""

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
    """Whether the receiver of this message is in a room."""
    ref: JsonText = UNSET
    c: int | None = None
    """The number that the client gave the refused frame, if the frame counts as handled."""
    handled: int | None = None
    """If the refused frame does not count as handled: the number of the last frame that does."""
    room: str | None = None
    """The room that the refused frame was about, if it is known."""
    to: str | None = None
    """If the refused frame was a `Relay` to one peer: the id of that peer."""
    peer: str | None = None
    """The peer id of the receiver of this message, or the peer id in its refused join."""


Numbered = PeerJoined | PeerLeft | PeerUpdated | Relayed | Notice | Expired | Refused
"""Messages that are numbered in a resumable session. The client gets each of them once and in order, even when its
connection is lost in between."""
Roster = PeerList | PeerJoined | PeerLeft | PeerUpdated | RoomUpdated
Welcome = PeerList | Resumed | Matched | Greeting
"""After one of these messages, a connection is not closed as idle when its client sends no frame."""
RoomsChanged = PeerList | Resumed | Matched | Left | RoomLost | RoomEnded
"""Messages which tell a client that it is in a room now, or not any longer."""
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
