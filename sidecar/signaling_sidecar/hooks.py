"""The types of the arguments that hooks are called with. Every hook is optional, and may be `async`.

`admit`, `on_join` and `on_relay` accept by returning None or True. These hooks refuse by returning False, or a sentence
that is sent to the refused client. A hook that returns anything else, raises, or takes longer than 2 s refuses too.

The hooks file is imported in a separate thread, in which all hooks run too. Two hooks never run at the same time:
another hook can only start or continue while the current one waits at an `await`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Connection(NamedTuple):
    """The argument of `admit`: a client that wants to connect, or to read the list of rooms."""

    dialect: str | None
    """The name of the wire protocol.

    On `/ws`, the name is None, because only the first frame tells which protocol the client uses.
    """
    headers: Mapping[str, str]
    query: Mapping[str, str]
    token: str | None
    """The token in the header `Authorization: Bearer`, if the client sent one."""
    claims: Mapping[str, Any] | None = None
    """The claims of the client's access token with `auth = "jwt"`, or an empty mapping with `auth = "token"`.

    The value is None if no tokens are required, or if the client will send its token in its `join`.
    """


class Join(NamedTuple):
    """The argument of `on_join`: a peer that wants to join a room, or to resume its session there.

    In protocols whose clients may send to rooms that they are not in, the hook is also called for each such frame.
    """

    dialect: str
    room: str | None
    """The room id, or None if the sidecar will choose the room. A pairing code is replaced by its keyed hash."""
    peer: str | None
    """The peer id, or None if the sidecar will generate a peer id."""
    name: str | None
    token: str | None
    """The field `token` of a `join` frame of the protocol `rooms`. A page can use it because browsers cannot add
    headers to a WebSocket request."""
    present: tuple[str, ...]
    """The ids of the peers that are in the room."""
    claims: Mapping[str, Any] | None = None
    """The claims of the client's access token with `auth = "jwt"`, an empty mapping with `auth = "token"`, or None if
    no tokens are required."""


class Room(NamedTuple):
    """The argument of `room_rules`: a room whose rules can be changed.

    The hook returns None, or a dict with the rules that differ from those of the wire protocol: `capacity` (at most
    that of the protocol), `listed`, `grace_s` (for how many seconds, up to 3600, a peer that lost its connection stays
    in the room) and `host` (the id of the peer that becomes the host when it joins, for protocols that have a host).
    The hook is called when a room is created, except for rooms that the matchmaker creates, and again for every room
    when the hooks file has changed. No peer is removed from a room because its rules change.
    """

    dialect: str
    room: str
    """The room id. A pairing code is replaced by its keyed hash."""


class Relay(NamedTuple):
    """The argument of `on_relay`: a frame that a peer sends to one or to all other peers in its room."""

    dialect: str
    room: str
    sender: str | None
    """The peer id of the sender, or None if the sidecar has not generated the id yet, because the sender has sent a
    `join` without an id just before the frame."""
    to: str | None
    kind: str
    """The kind of the frame, such as `offer`."""
    frame: Any
    """The content that the receivers get: the decoded JSON of a text frame, or the bytes of a binary frame."""


class Leave(NamedTuple):
    """The argument of `on_leave`: a peer that has left its room."""

    dialect: str
    room: str
    peer: str
    reason: str


__all__ = ["Connection", "Join", "Leave", "Relay", "Room"]
