"""How a room behaves, as data. A dialect states its `RoomRules`, and the hub reads nothing else about a dialect."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Annotated, NamedTuple

import msgspec

MAX_CAPACITY = 10_000  # peers; the setting has the same limit
MAX_GRACE_S = 3600  # seconds; the setting has the same limit, because the event log is kept for the longest grace


class RoomKey(NamedTuple):
    """The name of a room. Rooms of different dialects are different rooms, also when their ids are equal."""

    dialect: str
    room: str


class Ending(StrEnum):
    """How a connection ended (PROTOCOLS.md, "Rule 8")."""

    CLOSED = "closed"
    """The client closed it, with code 1000 or without one: a browser's `close()` without arguments."""
    UNLOADED = "unloaded"
    """The client closed it with code 1001: the page was left, or is being reloaded."""
    LOST = "lost"
    """It ended in any other way: reset, no pong, a client that reads too slowly, a frame over the limit."""
    STOPPED = "stopped"
    """The sidecar stopped. Clients are expected to reconnect to the next sidecar."""


RESTART_GRACE_S = 5.0  # seconds; PROTOCOLS.md, "Rule 8": time for clients to come back after a restart of the sidecar
DEFAULT_GRACE_S = MappingProxyType({**dict.fromkeys(Ending, 0.0), Ending.STOPPED: RESTART_GRACE_S})


class Reason(StrEnum):
    """Why a session ended: the reason that is sent to the other peers."""

    LEFT = "left"
    MOVED = "moved"
    CLOSED = "closed"
    LOST = "lost"
    KICKED = "kicked"
    ROOM_CLOSED = "room-closed"


class SecondJoin(Enum):
    """The effect of a join that names another room or peer id, on a connection that has a session already."""

    MOVES = "the peer leaves its room and joins the other one"
    IGNORED = "the join is ignored, whatever it names"
    FORGED = "the join is refused, because it speaks for another peer"


class Challenged(Enum):
    """Which connections are pinged if a newcomer would be refused because of them.

    If a connection does not answer, it loses its session and the newcomer is admitted.
    """

    NOBODY = "none: the newest connection of a peer id replaces the older one, and a full room refuses newcomers"
    THE_ID = "the connection that has the newcomer's peer id"
    THE_ROOM = "all connections in the full room"


class EntryLimit(NamedTuple):
    """How often clients may try to enter a room per minute. The limit prevents a client from guessing the names of
    rooms."""

    per_connection: int
    per_address: int
    """The limit for all connections from one address together. The first tries of each connection are counted apart
    (`entry_limits.py`)."""


def _refuse(makes_no_sense: bool, why: str) -> None:
    """Raise a ValueError for rules that contradict each other: a mistake in a dialect's file."""
    if makes_no_sense:
        raise ValueError(why)


class OwnRules(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The rules in which one room differs from its dialect. For a field that is None, the rule of the dialect
    applies."""

    capacity: Annotated[int, msgspec.Meta(ge=1, le=MAX_CAPACITY)] | None = None
    """The most peers in this room. A value above the dialect's own capacity has no effect."""
    listed: bool | None = None
    """Whether the room is listed, whatever its first peer asks for."""
    grace_s: Annotated[float, msgspec.Meta(ge=0, le=MAX_GRACE_S)] | None = None
    """The grace period after the endings that are in `Endings.own_grace`."""
    host: str | None = None
    """The peer that becomes host as soon as it joins."""

    def over(self, rules: RoomRules) -> RoomRules:
        """Return the dialect's rules with this room's differences applied."""
        replace = msgspec.structs.replace
        joining, endings, host, entry = rules.joining, rules.endings, rules.host, rules.entry
        if self.capacity is not None:
            joining = replace(joining, capacity=min(self.capacity, joining.capacity))
        if self.grace_s is not None:
            endings = endings.with_own_grace(self.grace_s)
        if self.host is not None:
            host = replace(host, peer=self.host)
        if self.listed is not None:
            entry = replace(entry, listed=self.listed)
        return replace(rules, joining=joining, endings=endings, host=host, entry=entry)


class Joining(msgspec.Struct, frozen=True, kw_only=True):
    """How many peers a room holds, and what a join does when the room, the id or the connection is already in use."""

    capacity: int
    """The most peers in a room, including those that are away. A room's first peer may ask for fewer."""
    rooms_per_connection: int = 1
    """The most rooms that one connection can be in at the same time."""
    second_join: SecondJoin = SecondJoin.MOVES
    """What a join does on a connection that has a session already, where a connection has one room at a time."""
    challenged: Challenged = Challenged.NOBODY
    """Which connections are pinged before a newcomer is refused because of them. A newcomer with another own token than
    the connection that has its id (`Join.own_token`) is refused at once, unless this is `THE_ID`."""
    replacements: int | None = None
    """How often a newer connection may replace the connection of a peer id within `replacement_window_s`. None means no
    limit.

    Without a limit, two tabs of an app that reconnects after any close would replace each other for ever.
    """
    replacement_window_s: float = 0.0
    anonymous_returns: bool = False
    """Whether a join without a peer id continues the session of a peer that is away, when there is one."""
    one_room_per_peer: bool = False
    """Whether a peer id can have only one session in all the rooms of the dialect."""

    def __post_init__(self) -> None:
        several_rooms = self.rooms_per_connection > 1
        _refuse(self.capacity < 1 or self.rooms_per_connection < 1, "a room and a connection hold at least one session")
        _refuse(
            several_rooms and self.second_join is not SecondJoin.MOVES,
            "`second_join` is for connections with one room at a time",
        )
        _refuse(
            several_rooms and self.one_room_per_peer,
            "a peer that can be in one room only cannot have a connection that is in several",
        )
        _refuse(
            (self.replacements is None) != (self.replacement_window_s == 0),
            "`replacements` and `replacement_window_s` are set together",
        )


class Endings(msgspec.Struct, frozen=True, kw_only=True):
    """How long a session is kept after its connection has ended, and when an unused room ends."""

    grace_s: Mapping[Ending, float] = DEFAULT_GRACE_S
    """Seconds for which a session waits, away, for its peer to return, after each kind of ending. With 0 the peer has
    left at once."""
    resumable_grace_s: Mapping[Ending, float] | None = None
    """The same for a session that asked to be resumable. None means that no session of the dialect can be resumed."""
    own_grace: frozenset[Ending] = frozenset((Ending.LOST, Ending.STOPPED))
    """The endings whose grace period `OwnRules.grace_s` changes: by default those that the user did not ask for."""
    durable: bool = False
    """Whether the event log keeps enough of every signal to send it again after a restart."""
    away_notice_s: float | None = None
    """Seconds before the others are told that a peer is away, so that short interruptions are not announced. With None,
    they are never told.
    """
    idle_s: float | None = None
    """Seconds after which a room ends if none of its peers sends a frame. With None, an idle room never ends."""

    def __post_init__(self) -> None:
        missing = [ending for ending in Ending if ending not in self.grace_s]
        _refuse(bool(missing), f"`grace_s` has no value for {', '.join(missing)}")

    @property
    def longest_grace_s(self) -> float:
        return max([*self.grace_s.values(), *(self.resumable_grace_s or {}).values()])

    def with_own_grace(self, grace_s: float) -> Endings:
        """Return these rules with another grace period, for the endings that allow one."""
        resumable_grace_s = self.resumable_grace_s
        if resumable_grace_s is not None:
            own = self.own_grace | {Ending.CLOSED}  # a close does not end a resumable session
            resumable_grace_s = {**resumable_grace_s, **dict.fromkeys(own, grace_s)}
        return msgspec.structs.replace(
            self,
            grace_s={**self.grace_s, **dict.fromkeys(self.own_grace, grace_s)},
            resumable_grace_s=resumable_grace_s,
        )


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """Whether one peer of a room is its host, who may change the room."""

    enabled: bool = False
    """Whether a room has a host. The first peer is host, and when it leaves another peer succeeds it."""
    peer: str | None = None
    """The peer id that becomes host as soon as it joins. It has no effect where rooms have no host."""
    modes: tuple[str, ...] = ()
    """The modes that the host can choose from; a new room has the first one. Rooms have no mode when it is empty."""

    def __post_init__(self) -> None:
        _refuse(bool(self.modes) and not self.enabled, "a room that has modes needs a host to choose one")


class Announcements(msgspec.Struct, frozen=True, kw_only=True):
    """What the peers in a room are told of each other."""

    announces_members: bool = True
    """Whether the peers in a room are told of each other. Otherwise they get an empty list when they join, and no
    announcement of peers that join, change, are away or leave."""
    tells_contacts: bool = False
    """Whether, in a room whose peers are not told of each other, the peers that have exchanged frames with a peer are
    told when it is gone for good. They are not told when it has closed its connection itself, or when only a restart of
    the sidecar has ended it, because its RTCPeerConnections may survive both."""
    announces_returns: bool = False
    """Whether a peer that returns, or registers again, is announced to the others as a join is."""
    tells_state: bool = False
    """Whether each announcement carries the state of the whole room."""
    echoes_updates: bool = False
    """Whether a peer that changes something receives the announcement of the change too."""
    takes_notices: bool = False
    """Whether clients of the dialect understand a notice from the administrator."""

    def __post_init__(self) -> None:
        _refuse(
            self.announces_members and self.tells_contacts,
            "`tells_contacts` is for rooms whose peers are not told of each other",
        )


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Who can find out that a room exists, and try to enter it."""

    listed: bool = False
    """Whether the list of rooms shows a room whose first peer does not say whether to list it."""
    secret: bool = False
    """Whether a room's name is a secret of its peers. No record holds a secret name, or a payload that contains it."""
    limit: EntryLimit | None = None
    """How often clients may try to enter rooms. None means no limit."""


class Mailbox(msgspec.Struct, frozen=True, kw_only=True):
    """The limits for frames that are kept for peers that cannot be reached."""

    frames: int
    """The most frames for one receiver. A frame beyond any of these limits is refused."""
    payload_bytes: int
    """The most bytes of payload for one receiver."""
    total_payload_bytes: int
    """The most bytes of payload in all rooms of the dialect together."""
    keep_s: float
    """Seconds after which a frame expires, and its sender is told."""
    expire_together: bool = False
    """Whether the frames that a sender has sent later to the same receiver expire with a frame. The sender is then told
    once. Candidates, for example, are of no use without their offer."""
    takes_unknown_ids: bool = True
    """Whether frames are kept for a peer id that has never joined. Otherwise such a frame is refused at once."""


class Relays(msgspec.Struct, frozen=True, kw_only=True):
    """The possible receivers of a relay, besides the other peers in the sender's room."""

    to_oneself: bool = False
    """Whether a peer may send to its own id."""
    to_other_rooms: bool = False
    """Whether a relay may name another room, to which it then moves its sender."""
    publishes: bool = False
    """Whether a frame to all is published: everybody in the room receives it, its sender too, and is told how many
    receive it. The sender need not be in the room, unless the admin or a hook keeps it out."""
    mailbox: Mailbox | None = None
    """The limits for frames that are kept for a peer that is not in the room, or is away. With None, a relay to such a
    peer is refused."""


class RoomRules(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of one dialect's rooms. A dialect states only the rules in which it differs from the defaults.

    Each group raises a ValueError for contradictory values when it is created.
    """

    joining: Joining
    endings: Endings = Endings()
    host: Host = Host()
    announcements: Announcements = Announcements()
    entry: Entry = Entry()
    relays: Relays = Relays()

    def __post_init__(self) -> None:
        several_rooms = self.joining.rooms_per_connection > 1
        _refuse(
            several_rooms and self.endings.resumable_grace_s is not None,
            "a resumable session numbers the frames of its connection, so that connection can be in one room only",
        )
        _refuse(
            several_rooms and self.relays.to_other_rooms,
            "a relay to another room moves its sender, which is for connections with one room at a time",
        )
        _refuse(
            self.relays.publishes and (self.entry.secret or self.endings.resumable_grace_s is not None),
            "`publishes` is for rooms without secrets and without resumable sessions: the log has neither the senders "
            "outside of the room nor the number of receivers",
        )
        _refuse(
            self.endings.durable and self.endings.resumable_grace_s is None and self.relays.mailbox is None,
            "`durable` is about resumable sessions and mailboxes, and there are none",
        )
        _refuse(
            self.entry.secret and self.relays.mailbox is not None,
            "a mailbox outlives its room, so the event log could not know that the room's name is a secret",
        )
