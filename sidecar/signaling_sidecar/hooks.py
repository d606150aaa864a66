"""What a hooks file is told: types for those who write one. Every hook is optional, and may be `async`.

`admit`, `on_join` and `on_relay` refuse by returning False, or a sentence that the refused client is shown; anything
else lets it pass. One that raises, or is not done within its time, refuses too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Connection(NamedTuple):
    """A client that wants to connect: `admit(connection)`."""

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
    present: tuple[str, ...]
    """Peer ids of who is there."""


class Relay(NamedTuple):
    """A frame that one peer sends to another, or to all others, of its room: `on_relay(relay)`."""

    dialect: str
    room: str
    sender: str
    to: str | None
    kind: str
    """The type of the frame."""
    frame: Mapping[str, Any]
    """As it will be relayed."""


class Leave(NamedTuple):
    """A peer that has left: `on_leave(leave)`."""

    dialect: str
    room: str
    peer: str
    reason: str


__all__ = ["Connection", "Join", "Leave", "Relay"]
