"""How a room behaves, as data. A dialect states its `RoomRules`; the hub knows no dialect by name."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import Annotated, Any, NamedTuple

import msgspec

MAX_CAPACITY = 10_000  # peers; as the setting's
MAX_GRACE_S = 3600  # seconds; as the setting's: the event log is kept for as long as the longest grace


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
    KICKED = "kicked"
    ROOM_CLOSED = "room-closed"


class SecondJoin(Enum):
    """What a join means on a connection that has a session, when it names another room or id (rule 10)."""

    MOVES = "it leaves, then joins"
    IGNORED = "nothing, whatever it names"
    FORGED = "it speaks for somebody else, and is refused"


class Challenged(Enum):
    """Who must prove to be alive when a newcomer finds no place; who cannot gives his up."""

    NOBODY = "the newest connection of an id wins, and a full room is full"
    THE_ID = "the connection that has the newcomer's id"
    THE_ROOM = "everybody in the full room"


class EntryLimit(NamedTuple):
    """How often a room may be tried in a minute, so that nobody can guess one."""

    per_connection: int
    per_address: int
    """Of all connections from one address together, their first tries apart (`entry_limits.py`)."""


class OwnRules(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What one room has otherwise than its dialect says; None: as the dialect says."""

    capacity: Annotated[int, msgspec.Meta(ge=1, le=MAX_CAPACITY)] | None = None
    """The dialect's own is the most that it can be."""
    listed: bool | None = None
    """Also against the wish of its first peer."""
    grace_s: Annotated[float, msgspec.Meta(ge=0, le=MAX_GRACE_S)] | None = None
    """For the endings that `RoomRules.own_grace` names."""
    host: str | None = None

    def over(self, rules: RoomRules) -> RoomRules:
        """The dialect's rules as this room has them."""
        changes: dict[str, Any] = {}
        if self.capacity is not None:
            changes["capacity"] = min(self.capacity, rules.capacity)
        if self.listed is not None:
            changes["listed"] = self.listed
        if self.host is not None:
            changes["host"] = self.host
        if self.grace_s is not None:
            changes["grace_s"] = {**rules.grace_s, **dict.fromkeys(rules.own_grace, self.grace_s)}
            if rules.resumable_grace_s is not None:
                own = rules.own_grace | {Ending.CLOSED}  # to a resumable session a close is no goodbye
                changes["resumable_grace_s"] = {**rules.resumable_grace_s, **dict.fromkeys(own, self.grace_s)}
        return msgspec.structs.replace(rules, **changes)


class RoomRules(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one dialect's rooms."""

    capacity: int
    """Peers a room holds at most, those who are away included. A room's first peer may ask for less."""
    grace_s: Mapping[Ending, float]
    """Seconds that a peer keeps its place after each ending; 0: it has left."""
    resumable_grace_s: Mapping[Ending, float] | None = None
    """The same for a session that asked to be resumable; None: none can."""
    own_grace: frozenset[Ending] = frozenset((Ending.LOST, Ending.STOPPED))
    """The endings whose grace one room may have otherwise: those that are no goodbye."""
    durable: bool = False
    """Whether the log keeps enough of every signal to send it again after a restart."""
    listed: bool = False
    """Whether a room is shown to those outside when its first peer does not say."""
    secret: bool = False
    """Whether a room's name is for its peers only: no record holds it, nor a payload that says it."""
    away_notice_s: float | None = None
    """Seconds before the others are told that a peer is away, so that short gaps are silent; None: they never are."""
    replacements: int | None = None
    """How often one id may be taken over by a newer connection within `replacement_window_s`: two originals that
    reconnect after any close would replace each other for ever (rule 2); None: as often as they like."""
    replacement_window_s: float = 0.0
    second_join: SecondJoin = SecondJoin.MOVES
    challenged: Challenged = Challenged.NOBODY
    announces_returns: bool = False
    """Whether the others hear of every return and repetition as of a join."""
    places_are_anybodys: bool = False
    """Whether a peer without an id takes the place of one that is away."""
    one_place: bool = False
    """Whether a peer id has one place in all rooms of the dialect together."""
    takes_notices: bool = False
    """Whether its clients know what a notice of the admin is."""
    keeps_host: bool = False
    """Whether one peer, the first, is host: the room is its to change, and it has a successor."""
    host: str | None = None
    """The peer that is host from when it joins, where a host is kept."""
    modes: tuple[str, ...] = ()
    """What a room's mode may be, its first mode first; empty: it has none."""
    tells_state: bool = False
    """Whether notices carry the whole room."""
    echoes_updates: bool = False
    """Whether who changed something is told of it as the others are."""
    to_oneself: bool = False
    """Whether a peer may send to itself."""
    calls_other_rooms: bool = False
    """Whether a relay may name another room, and so moves its sender there."""
    entry_limit: EntryLimit | None = None
    idle_s: float | None = None
    """Seconds without a frame from any of its peers after which a room is ended; None: never."""
