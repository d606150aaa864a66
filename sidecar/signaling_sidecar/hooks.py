"""What a hooks file is told: types for those who write one. Every hook is optional, and may be `async`.

`admit`, `on_join` and `on_relay` refuse by returning False, or a sentence that the refused client is shown; None or
True lets it pass. One that returns anything else, raises, or is not done within 2 s refuses too.

All hooks, and the import of the file, run in one thread that serves no connection, and never two at the same time: only
at an `await` does a hook let another go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Connection(NamedTuple):
    """A client that wants to connect, or to see the list of rooms: `admit(connection)`."""

    dialect: str | None
    """None on `/ws`, where the first frame tells it."""
    headers: Mapping[str, str]
    query: Mapping[str, str]
    token: str | None
    """Of its `Authorization: Bearer` header."""


class Join(NamedTuple):
    """A peer that wants to come in, or back: `on_join(join)`."""

    dialect: str
    room: str | None
    """A pairing code only as its keyed hash; None: one will be found for it."""
    peer: str | None
    """None: it will be given one."""
    name: str | None
    token: str | None
    """What a client of `rooms` says as `token`; a page cannot send headers with a WebSocket."""
    present: tuple[str, ...]
    """Peer ids of who is there."""


class Room(NamedTuple):
    """A room whose rules are asked for: `room_rules(room)`.

    It returns None, or a dict of what this room has otherwise than its dialect: `capacity` (at most the dialect's),
    `listed`, `grace_s` (seconds, up to 3600, that a peer which lost its connection keeps its place), `host` (the peer
    id that is host from when it joins, where there is one). It is asked when the room is made, except by the
    matchmaker, and for every room when the hooks have changed; nobody is removed from a room by that.
    """

    dialect: str
    room: str
    """A pairing code only as its keyed hash."""


class Relay(NamedTuple):
    """A frame that one peer sends to another, or to all others, of its room: `on_relay(relay)`."""

    dialect: str
    room: str
    sender: str | None
    """Its peer id. None when it is not known yet, because the server will give the sender one when its join is
    carried out."""
    to: str | None
    kind: str
    """The type of the frame."""
    frame: Any
    """The frame as its receivers get it: the decoded JSON of a text frame, or the bytes of a binary frame."""


class Leave(NamedTuple):
    """A peer that has left: `on_leave(leave)`."""

    dialect: str
    room: str
    peer: str
    reason: str


__all__ = ["Connection", "Join", "Leave", "Relay", "Room"]
