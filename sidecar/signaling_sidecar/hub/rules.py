"""The rules that decide how rooms behave. Each dialect gives its `RoomRules` to the hub, which knows nothing else about
the dialect."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Annotated, NamedTuple

import msgspec

MAX_CAPACITY = 10_000  # peers; the maximum of the setting `max_peers_per_room` too
MAX_GRACE_S = 3600  # seconds; the maximum of the setting `grace_s` too


class RoomKey(NamedTuple):
    """Identifies a room. Rooms of different dialects are different rooms even if they have the same id."""

    dialect: str
    room: str


class Ending(StrEnum):
    """How a connection ended (PROTOCOLS.md, "Rule 8")."""

    CLOSED = "closed"
    """The client closed the connection with code 1000 or without a code, like `close()` in a browser."""
    UNLOADED = "unloaded"
    """The client closed the connection with code 1001: the page was left, or is being reloaded."""
    LOST = "lost"
    """The connection ended in any other way. For example, it was reset, or a ping was not answered."""
    STOPPED = "stopped"
    """The sidecar stopped. Clients are expected to reconnect when the sidecar has restarted."""


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
    """What happens when a connection that has a session already sends a join for another room or peer id."""

    MOVES = "the peer leaves its room and joins the other one"
    IGNORED = "the join is ignored"
    FORGED = "the join is refused, because a connection can have only one peer id"


class Challenged(Enum):
    """Which connections are pinged before a newcomer is refused because of them.

    If a connection does not answer, it loses its session, and the newcomer is admitted.
    """

    NOBODY = "none: the newest connection of a peer id replaces the older one, and a full room refuses newcomers"
    THE_ID = "the connection that has the newcomer's peer id"
    THE_ROOM = "all connections in the full room"


class EntryLimit(NamedTuple):
    """The maximum number of tries to enter a room per minute. With the limit, names of rooms cannot be guessed."""

    per_connection: int
    per_address: int
    """The limit for all connections from one IP address together. The first tries of each connection have a separate
    limit (`entry_limits.py`)."""


def _refuse(makes_no_sense: bool, why: str) -> None:
    """Raise a ValueError if rules contradict each other, which is a mistake in the code of a dialect."""
    if makes_no_sense:
        raise ValueError(why)


class OwnRules(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The rules in which one room differs from its dialect. If a field is None, the rule of the dialect applies."""

    capacity: Annotated[int, msgspec.Meta(ge=1, le=MAX_CAPACITY)] | None = None
    """The maximum number of peers in this room. A value above the dialect's own capacity, or above the capacity
    that the room's first peer has asked for, has no effect."""
    listed: bool | None = None
    """Whether the public list of rooms shows the room, whatever its first peer asks for."""
    grace_s: Annotated[float, msgspec.Meta(ge=0, le=MAX_GRACE_S)] | None = None
    """The grace period after those endings that are in `Endings.own_grace`."""
    host: str | None = None
    """The id of the peer that becomes host as soon as it joins."""

    def over(self, rules: RoomRules) -> RoomRules:
        """Return the rules of the dialect, changed by this room's own rules."""
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
    """How many peers can be in a room, and what happens when a join needs a peer id or a connection that is already in
    use."""

    capacity: int
    """The maximum number of peers in a room, including those that are away. A room's first peer may ask for fewer."""
    rooms_per_connection: int = 1
    """The maximum number of rooms that one connection can be in at the same time."""
    second_join: SecondJoin = SecondJoin.MOVES
    """What a join does on a connection that has a session already, if a connection can be in one room only."""
    challenged: Challenged = Challenged.NOBODY
    """Which connections are pinged before a newcomer is refused because of them.

    A newcomer that has the peer id of a connected peer, but another `Join.own_token`, is refused at once, unless this
    is `THE_ID`: then the connected peer is pinged first.
    """
    replacements: int | None = None
    """How many times within `replacement_window_s` newer connections may replace the connection of a peer id. None
    means no limit.

    Without a limit, two tabs of an app that reconnects after any close would replace each other for ever.
    """
    replacement_window_s: float = 0.0
    anonymous_returns: bool = False
    """Whether a join without a peer id returns to the session of a peer that is away, if there is one in the room."""
    one_room_per_peer: bool = False
    """Whether a peer id can have only one session in all rooms of the dialect together."""

    def __post_init__(self) -> None:
        several_rooms = self.rooms_per_connection > 1
        _refuse(
            self.capacity < 1 or self.rooms_per_connection < 1,
            "`capacity` and `rooms_per_connection` must be at least 1",
        )
        _refuse(
            several_rooms and self.second_join is not SecondJoin.MOVES,
            "`second_join` is only for connections that can be in one room only",
        )
        _refuse(
            several_rooms and self.one_room_per_peer,
            "`one_room_per_peer` contradicts `rooms_per_connection`, which allows several rooms",
        )
        _refuse(
            (self.replacements is None) != (self.replacement_window_s == 0),
            "`replacements` and `replacement_window_s` must be set together",
        )


class Endings(msgspec.Struct, frozen=True, kw_only=True):
    """How long a session is kept after its connection has ended, and when an idle room ends."""

    grace_s: Mapping[Ending, float] = DEFAULT_GRACE_S
    """The grace period in seconds after each kind of ending. In this time, the session is away and waits for its peer.
    With 0, the session ends at once."""
    resumable_grace_s: Mapping[Ending, float] | None = None
    """The grace periods of sessions whose clients asked for a resumable session. With None, no session of the dialect
    can be resumed."""
    own_grace: frozenset[Ending] = frozenset((Ending.LOST, Ending.STOPPED))
    """The endings whose grace period `OwnRules.grace_s` changes: by default those that the user did not cause."""
    durable: bool = False
    """Whether the event log contains whole payloads, so that frames can be sent again after a restart."""
    away_notice_s: float | None = None
    """After this number of seconds, the other peers are told that a peer is away. Shorter interruptions are not
    announced. With None, the other peers are never told."""
    idle_s: float | None = None
    """A room ends when none of its peers has sent a frame for this number of seconds. With None, idle rooms never
    end."""

    def __post_init__(self) -> None:
        missing = [ending for ending in Ending if ending not in self.grace_s]
        _refuse(bool(missing), f"`grace_s` has no value for {', '.join(missing)}")

    @property
    def longest_grace_s(self) -> float:
        return max([*self.grace_s.values(), *(self.resumable_grace_s or {}).values()])

    def with_own_grace(self, grace_s: float) -> Endings:
        """Return these rules with another grace period after the endings in `own_grace`."""
        resumable_grace_s = self.resumable_grace_s
        if resumable_grace_s is not None:
            own = self.own_grace | {Ending.CLOSED}  # a resumable session also has a grace period after this ending
            resumable_grace_s = {**resumable_grace_s, **dict.fromkeys(own, grace_s)}
        return msgspec.structs.replace(
            self,
            grace_s={**self.grace_s, **dict.fromkeys(self.own_grace, grace_s)},
            resumable_grace_s=resumable_grace_s,
        )


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """Whether rooms have a host: a peer that may change the name and the mode of its room."""

    enabled: bool = False
    """Whether rooms have a host. The first peer becomes the host. When the host leaves, another peer becomes the
    host."""
    peer: str | None = None
    """The id of a peer that becomes host as soon as it joins. This has no effect if rooms have no host."""
    modes: tuple[str, ...] = ()
    """The modes that the host can choose from. A new room has the first one. If this is empty, rooms have no mode."""

    def __post_init__(self) -> None:
        _refuse(bool(self.modes) and not self.enabled, "rooms with `modes` need a host to choose the mode")


class Announcements(msgspec.Struct, frozen=True, kw_only=True):
    """What the peers in a room are told about each other."""

    announces_members: bool = True
    """Whether the peers in a room are told about each other. If not, each peer gets an empty list when it joins, and
    is not told when other peers join, change, are away or leave."""
    tells_contacts: bool = False
    """Whether, in a room whose peers are not told about each other, a peer's contacts are told when it is gone for good
    (`contacts.py`). They are not told if the peer has closed its connection itself, or has lost it because the sidecar
    stopped. In both cases, its RTCPeerConnections may still be open."""
    announces_returns: bool = False
    """Whether a peer that returns, or joins again on the same connection, is announced to the others as if it had just
    joined."""
    tells_state: bool = False
    """Whether each announcement contains the state of the whole room."""
    echoes_updates: bool = False
    """Whether a peer that changes its name or metadata receives the announcement of the change too."""
    takes_notices: bool = False
    """Whether the protocol has a frame for a text from the admin."""

    def __post_init__(self) -> None:
        _refuse(
            self.announces_members and self.tells_contacts,
            "`tells_contacts` is only for rooms whose peers are not told about each other",
        )


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Who can find out that a room exists, and how often clients may try to enter rooms."""

    listed: bool = False
    """Whether the public list of rooms shows a room whose first peer does not choose this (`Join.listed`)."""
    secret: bool = False
    """Whether the name of a room is a secret of its peers. No record contains a secret name, or a payload with such a
    name in it."""
    limit: EntryLimit | None = None
    """How often clients may try to enter rooms. None means no limit."""


class Mailbox(msgspec.Struct, frozen=True, kw_only=True):
    """The limits for frames that are kept for peers that cannot be reached. A frame that would exceed a limit is
    refused."""

    frames: int
    """The maximum number of frames for one receiver."""
    payload_bytes: int
    """The maximum size of the payloads of all frames for one receiver."""
    total_payload_bytes: int
    """The maximum size of the payloads of all kept frames in all rooms of the dialect."""
    keep_s: float
    """After this number of seconds, a frame expires, and its sender is told."""
    expire_together: bool = False
    """If True and a frame expires, all frames from the same sender to the same receiver expire with it, and the sender
    is told once. For example, candidates are of no use if their offer has expired."""
    takes_unknown_ids: bool = True
    """Whether frames are also kept for a peer id that has never joined. If not, such frames are refused at once."""


class Relays(msgspec.Struct, frozen=True, kw_only=True):
    """To whom frames can be relayed, besides the other peers in the sender's room."""

    to_oneself: bool = False
    """Whether a peer may send frames to its own id."""
    to_other_rooms: bool = False
    """Whether a frame may name another room. Its sender then moves to that room."""
    publishes: bool = False
    """Whether a frame to all is published: all peers in the room receive it, including its sender, and are told how
    many receive it. The sender need not be in the room. Its frame is refused if the admin has barred it from the
    room, or if the `on_join` hook refuses it."""
    mailbox: Mailbox | None = None
    """The limits for frames that are kept for a peer that is not in the room, or is away. With None, a frame to such a
    peer is refused."""


class RoomRules(msgspec.Struct, frozen=True, kw_only=True):
    """The rules for the rooms of one dialect. A dialect gives only those rules that differ from the defaults.

    The constructor of this class, and of each group of rules in it, raises a ValueError if rules contradict each other.
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
            "a connection with a resumable session can be in one room only, because its frames are numbered",
        )
        _refuse(
            several_rooms and self.relays.to_other_rooms,
            "`to_other_rooms` moves the sender, so it is only for connections that can be in one room only",
        )
        _refuse(
            self.relays.publishes and (self.entry.secret or self.endings.resumable_grace_s is not None),
            "`publishes` is only for rooms without secrets and without resumable sessions, because the log has neither "
            "the sessions of senders outside of the room nor the number of receivers",
        )
        _refuse(
            self.endings.durable and self.endings.resumable_grace_s is None and self.relays.mailbox is None,
            "`durable` is only for dialects with resumable sessions or a mailbox",
        )
        _refuse(
            self.entry.secret and self.relays.mailbox is not None,
            "secret rooms cannot have a mailbox, because it keeps frames after the hub has forgotten the secret names",
        )
