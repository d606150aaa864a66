"""The parts of the hub's messages that describe peers, rooms and sessions."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

JsonText = msgspec.Raw | UnsetType
"""JSON text, or UNSET if there is none. This type is not `Raw | None`, because msgspec decodes only `null` as `Raw |
None`."""


class PeerView(msgspec.Struct, frozen=True, gc=False):
    """A peer as the other peers of its room see it."""

    peer: str
    joined_at_ms: int
    name: str | None = None
    metadata: JsonText = UNSET
    instance: str | None = None
    away: bool = False


class RoomView(msgspec.Struct, frozen=True, gc=False):
    """A room as the list of rooms shows it."""

    room: str
    peers: int
    created_at_ms: int
    capacity: int | None = None


class RoomState(msgspec.Struct, frozen=True, gc=False):
    """The state of a whole room, in dialects whose announcements contain it (`Announcements.tells_state`)."""

    room: str
    name: str | None
    host: str | None
    mode: str | None
    created_at_ms: int
    idle_s: float
    """The number of seconds since a peer in the room last sent a frame."""
    peers: tuple[PeerView, ...]
    """All peers in order of joining, including the receiver of the announcement."""


class Ticket(msgspec.Struct, frozen=True, gc=False):
    """The data that a client needs to resume its session later."""

    token: str
    grace_s: float
    """How long the session is kept after its connection was lost."""
    durable: bool
    """Whether the frames that are kept for the session survive a restart of the sidecar."""


class Limits(msgspec.Struct, frozen=True, gc=False):
    """The limits for the frames that a client may send. A client is told the limits, so that it sends no frames that
    would be refused."""

    frame_bytes: int
    frames_per_s: int
    burst: int
    """The maximum number of frames that the client may send at once."""
    kept_bytes: int
    """The maximum size of the frames that are kept for a resumable session."""
