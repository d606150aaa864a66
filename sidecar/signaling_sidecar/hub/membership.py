"""Stores which peers are in which rooms. All other code must use this module to read or change that state.

1. A room exists exactly as long as it has a session.
2. A session belongs to one room for its whole life, under one peer id that is unique in that room.
3. A connection has at most one session in each room. The rules limit how many rooms it can be in.
4. A session has at most one connection. A session without a connection is away.
5. `Room.sessions` is in order of joining. A session keeps its position when its peer returns after it was away.
6. In dialects with hosts, each room has a host, which is one of its sessions.
7. A group is a room of a series. The groups of a series share a name, and newcomers enter only the newest group. A
   group is complete as soon as it has been full once. Then no newcomer can enter it, even if a peer has left it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import msgspec
from msgspec import UNSET

from signaling_sidecar.hub.known_ids import KnownIds
from signaling_sidecar.hub.resumption import Resumption
from signaling_sidecar.hub.rules import Ending, OwnRules, RoomKey, RoomRules
from signaling_sidecar.hub.views import PeerView, RoomView


@dataclass(slots=True, eq=False)
class Away:
    """How and when a session lost its connection, and until when it waits for its peer to return."""

    ending: Ending
    until_s: float
    since_s: float = 0.0
    told: set[str] = field(default_factory=set)
    """The ids of the sessions that were told that this one is away."""


@dataclass(slots=True, eq=False)
class Session:
    """One peer in one room, from joining to leaving. It can have several connections one after another."""

    id: str
    room: Room
    peer: str
    connection: int | None
    joined_at_ms: int
    name: str | None = None
    metadata: msgspec.Raw | None = None
    instance: str | None = None
    away: Away | None = None
    subject: str | None = None
    """The subject of the access token with which the session was entered (`Grant`). Only a client with the same subject
    can continue the session."""
    own_token: str | None = None
    """The hash of the token that the client made up (`Join.own_token`)."""
    contacts: dict[str, None] = field(default_factory=dict)
    """The peer ids to which the peer has sent frames, in that order, in dialects with contacts (`contacts.py`)."""
    secrets: frozenset[str] = frozenset()
    """If names of rooms are secret: the names of this room and of the rooms in which the client was before. No record
    may contain them. A restored hub uses `UNKNOWN_SECRETS` until it is told the names (`TellSecrets`)."""
    resumption: Resumption | None = None
    """The state for resuming the session. None if the client has not requested a resumable session."""
    awaits_request: bool = False
    """Whether the client has opened a new connection, and has not repeated its request for a group on it yet."""
    replaced_s: tuple[float, ...] = ()
    """The times within `replacement_window_s` at which a newer connection replaced the connection of the session."""

    def view(self) -> PeerView:
        return PeerView(
            self.peer, self.joined_at_ms, self.name, self.metadata or UNSET, self.instance, away=self.away is not None
        )


@dataclass(slots=True, eq=False)
class Room:
    """A room, with the sessions of its peers."""

    key: RoomKey
    rules: RoomRules
    asked_listed: bool
    """Whether the public list of rooms shows the room if its own rules do not decide this."""
    asked_capacity: int | None
    created_at_ms: int
    active_s: float
    """The time at which a peer in the room last sent a frame."""
    name: str | None = None
    mode: str | None = None
    own: OwnRules | None = None
    """The rules in which the room differs from its dialect. They are already applied to `rules`."""
    ruled_by_admin: bool = False
    """Whether the admin has set `own` (`SetOwnRules.by_admin`)."""
    host: Session | None = None
    matched: tuple[str, ...] = ()
    """If matchmaking has created the room: the ids of its peers, in the order in which they began to wait."""
    queue: str = ""
    """If matchmaking has created the room: the name of the queue in which its peers waited."""
    group: int | None = None
    """If this room is a group of a series: its number in the series. None for an ordinary room."""
    is_complete: bool = False
    """Whether this room is a group of a series, and has been full."""
    sessions: dict[str, Session] = field(default_factory=dict)

    @property
    def is_full(self) -> bool:
        """Whether no other peer can enter the room."""
        return self.is_complete or len(self.sessions) >= self.capacity

    @property
    def groups_name(self) -> RoomKey:
        """The name of the series to which this group belongs. All groups of the series share this name."""
        dialect, room = self.key
        return RoomKey(dialect, room.removesuffix(_suffix(self.group or 1)))

    @property
    def listed(self) -> bool:
        """Whether the public list of rooms shows the room."""
        own = self.own.listed if self.own is not None else None
        return self.asked_listed if own is None else own

    @property
    def overruled_listed(self) -> bool | None:
        """The value of `asked_listed` for the event log. None if the room's own rules do not differ from it."""
        return None if self.asked_listed is self.listed else self.asked_listed

    @property
    def capacity(self) -> int:
        asked = self.rules.joining.capacity if self.asked_capacity is None else self.asked_capacity
        return min(asked, self.rules.joining.capacity)

    def set_rules(self, rules: RoomRules, own: OwnRules | None) -> None:
        """Use the rules of the dialect, changed by the room's own rules. No peer is removed because of the new
        rules."""
        self.own = own if own != OwnRules() else None
        self.rules = rules if own is None else own.over(rules)

    def others(self, session: Session) -> list[Session]:
        return [other for other in self.sessions.values() if other is not session]

    def peer_named(self, name: str) -> str | None:
        """Return the id of the peer that has this name, or None. If several peers have the name, return the id of the
        first one."""
        for session in self.sessions.values():
            if session.name == name:
                return session.peer
        return None

    def audience(self, session: Session) -> list[Session]:
        """Return the sessions of the peers that are told when `session` changes: the others in the room, or none."""
        return self.others(session) if self.rules.announcements.announces_members else []

    def view(self) -> RoomView:
        has_own_capacity = self.own is not None and self.own.capacity is not None
        shows_capacity = self.asked_capacity is not None or has_own_capacity
        return RoomView(
            self.key.room, len(self.sessions), self.created_at_ms, self.capacity if shows_capacity else None
        )


def _suffix(group: int) -> str:
    """The name of a group is the name of its series and a suffix. Return the suffix of the group with this number."""
    return "" if group == 1 else f"#{group}"


UNKNOWN_SECRETS = frozenset({""})
"""The value of `Session.secrets` while a restored hub does not know the names. No payload is recorded then, because
every payload contains the empty string, and thus seems to contain a secret name."""


class Membership:
    """Stores rooms by key and sessions by connection. Each method changes both together, so that they stay
    consistent."""

    def __init__(self) -> None:
        self._rooms: dict[RoomKey, Room] = {}
        self._by_connection: dict[int, tuple[Session, ...]] = {}
        self._by_peer: dict[tuple[str, str], Session] = {}
        """Sessions by dialect and peer id, in dialects in which a peer can be in one room only."""
        self._groups: dict[RoomKey, dict[RoomKey, Room]] = {}
        """For each name of a series, its groups by key, in order of creation."""
        self._group_of: dict[tuple[RoomKey, str], Room] = {}
        """By the name of a series and a peer id, the group of the series that the peer has entered last."""
        self.known_ids = KnownIds()

    @property
    def rooms(self) -> list[Room]:
        """All rooms, in order of creation."""
        return list(self._rooms.values())

    def __len__(self) -> int:
        return len(self._rooms)

    def room(self, key: RoomKey) -> Room | None:
        return self._rooms.get(key)

    @property
    def connections(self) -> Collection[int]:
        """The connections that have a session."""
        return self._by_connection.keys()

    def sessions(self, connection: int) -> tuple[Session, ...]:
        """Return all sessions of a connection, in the order in which it got them."""
        return self._by_connection.get(connection, ())

    def session(self, connection: int, room: RoomKey | None = None) -> Session | None:
        """Return the session of a connection in `room`, or None. Without a room, return the only session of the
        connection, or None if it has no session or several."""
        sessions = self._by_connection.get(connection)
        if sessions is None:
            return None
        if room is None:
            return sessions[0] if len(sessions) == 1 else None
        found = self._rooms.get(room)
        for session in sessions:  # a loop is faster than `next` with a generator, and this runs for each frame
            if session.room is found:
                return session
        return None

    def session_of_peer(self, dialect: str, peer: str) -> Session | None:
        """Return the session of a peer id, in a dialect in which a peer can be in one room only."""
        return self._by_peer.get((dialect, peer))

    def group(self, name: RoomKey, peer: str | None, connection: int) -> tuple[RoomKey, int]:
        """Return the key and the number of the group that a peer enters if it joins the series `name` now. That group
        may not exist yet.

        If the peer is in a group of the series already, that group is returned.
        """
        groups = self._groups.get(name, {})
        if peer is not None:
            entered = self._group_of.get((name, peer))
        else:
            entered = next((each.room for each in self.sessions(connection) if each.room.key in groups), None)
        newest = groups[next(reversed(groups))] if groups else None
        if entered is None and newest is not None and not newest.is_full:
            entered = newest
        if entered is not None:
            return entered.key, entered.group or 1
        number = (newest.group or 0) + 1 if newest is not None else 1
        while (key := RoomKey(name.dialect, name.room + _suffix(number))) in self._rooms:
            number += 1
        return key, number

    def enter(self, room: Room, session: Session) -> None:
        """Add a new session to its room. A room begins to exist with its first session.

        In dialects with hosts, the first session is the host. If the rules name another peer as host, that
        peer's session becomes the host when the peer joins.
        """
        if room.group is not None:
            self._groups.setdefault(room.groups_name, {})[room.key] = room
            self._group_of[room.groups_name, session.peer] = room
        self._rooms[room.key] = room
        room.sessions[session.peer] = session
        room.is_complete = room.is_complete or (room.group is not None and room.is_full)
        if room.rules.host.enabled and (room.host is None or session.peer == room.rules.host.peer):
            room.host = session
        if room.rules.joining.one_room_per_peer:
            self._by_peer[room.key.dialect, session.peer] = session
        self.remember_id(session)
        if session.connection is not None:
            self._add(session.connection, session)

    def remember_id(self, session: Session) -> None:
        """Remember the peer id, if the rules keep frames only for ids that have joined. Must be called again when the
        rules have changed."""
        mailbox = session.room.rules.relays.mailbox
        if mailbox is not None and not mailbox.takes_unknown_ids:
            self.known_ids.add(session.room.key, session.peer)

    def attach(self, session: Session, connection: int) -> int | None:
        """Continue the session on `connection`. Returns the connection that the session had before, or None."""
        older = self.detach(session)
        session.connection, session.away = connection, None
        self._add(connection, session)
        return older

    def detach(self, session: Session) -> int | None:
        """Remove the connection from the session, which continues without one. Returns the removed connection, or
        None."""
        older, session.connection = session.connection, None
        if older is not None:
            remaining = tuple(other for other in self._by_connection[older] if other is not session)
            if remaining:
                self._by_connection[older] = remaining
            else:
                del self._by_connection[older]
        return older

    def remove(self, session: Session) -> bool:
        """End the session. Returns whether its room ended with it.

        If the session was the host, the next host is the connected session that joined first. If all are away, it is
        the session that joined first.
        """
        room = session.room
        self.detach(session)
        session.away = None  # so that deadlines that were set while the session was away do nothing
        del room.sessions[session.peer]
        if room.rules.joining.one_room_per_peer:
            del self._by_peer[room.key.dialect, session.peer]
        if room.group is not None and self._group_of.get((room.groups_name, session.peer)) is room:
            del self._group_of[room.groups_name, session.peer]
        if not room.sessions:
            self._end(room)
            return True
        if room.host is session:
            members = list(room.sessions.values())
            room.host = next((member for member in members if member.connection is not None), members[0])
        return False

    def _end(self, room: Room) -> None:
        del self._rooms[room.key]
        if room.group is not None:
            groups = self._groups[room.groups_name]
            del groups[room.key]
            if not groups:
                del self._groups[room.groups_name]

    def _add(self, connection: int, session: Session) -> None:
        self._by_connection[connection] = (*self._by_connection.get(connection, ()), session)
