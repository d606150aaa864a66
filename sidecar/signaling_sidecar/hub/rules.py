"""How a room behaves, as data. A dialect states its `RoomRules`; the hub knows no dialect by name."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

import msgspec


class RoomKey(NamedTuple):
    """A room is named by both: rooms of different dialects never meet."""

    dialect: str
    room: str


class Ending(StrEnum):
    """How a connection ended (PROTOCOLS.md rule 8)."""

    CLOSED = "closed"
    """Close 1000, or an empty Close: a browser's `close()` without arguments."""
    UNLOADED = "unloaded"
    """Close 1001: the page went away, perhaps to be loaded again."""
    LOST = "lost"
    """Anything else: reset, no pong, a slow reader, a frame over the limit."""
    STOPPED = "stopped"
    """The sidecar stops: its peers come back to the next one."""


class Reason(StrEnum):
    """Why a session ended, as the other peers are told."""

    LEFT = "left"
    MOVED = "moved"
    CLOSED = "closed"
    LOST = "lost"


class RoomRules(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one dialect's rooms."""

    capacity: int
    """Peers a room holds at most, those who are away included. A room's first peer may ask for less."""
    listed: bool
    """Whether a room is shown to those outside when its first peer does not say."""
    grace_s: Mapping[Ending, float]
    """Seconds that a peer keeps its place after each ending; 0: it has left."""
    away_notice_s: float
    """Seconds before the others are told that a peer is away, so that short gaps are silent."""
    replacements: int
    """How often one id may be taken over by a newer connection within `replacement_window_s`: two originals that
    reconnect after any close would replace each other for ever (rule 2)."""
    replacement_window_s: float
