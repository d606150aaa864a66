"""What the hub tells peers about peers, rooms and their own sessions. These are parts of its messages."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

JsonText = msgspec.Raw | UnsetType
"""JSON text, or UNSET for none. `Raw | None` cannot be used: a checkpoint would be read back with the text "null"."""


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
    """The whole room as its own peers see it, in dialects whose notices carry it."""

    room: str
    name: str | None
    host: str | None
    mode: str | None
    created_at_ms: int
    idle_s: float
    """Seconds since a peer in the room last sent a frame."""
    peers: tuple[PeerView, ...]
    """All peers, the receiver included, in order of joining."""


class Ticket(msgspec.Struct, frozen=True, gc=False):
    """What a client needs to resume its session later."""

    token: str
    grace_s: float
    """How long the session is kept without a connection."""
    durable: bool
    """Whether the frames that are kept for the session survive a restart of the sidecar."""


class Limits(msgspec.Struct, frozen=True, gc=False):
    """The limits for the frames of a connection, which the client needs to avoid sending frames that would be
    refused."""

    frame_bytes: int
    frames_per_s: int
    burst: int
    """The most frames at once."""
    kept_bytes: int
    """The most bytes that are kept for a session that can be resumed."""
