"""Who is in which room. This file owns that state; everything else asks it.

1. A room exists exactly while it has a session.
2. A session is in one room for its whole life, under one peer id that is unique in that room.
3. A connection has at most one session, and a session at most one connection. A session without one is away.
4. `Room.sessions` is in order of joining; coming back does not change a session's place in it.
5. Where the rules keep a host, a room has one, and it is one of its sessions.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import msgspec
from msgspec import UNSET

from signaling_sidecar.hub.effects import PeerView, RoomView
from signaling_sidecar.hub.resumption import Resumption
from signaling_sidecar.hub.rules import Ending, OwnRules, RoomKey, RoomRules


@dataclass(slots=True, eq=False)
class Away:
    """A peer that has its place, but no connection."""

    ending: Ending
    until_s: float
    told: set[str] = field(default_factory=set)
    """Ids of the sessions that were shown it as away."""


@dataclass(slots=True, eq=False)
class Session:
    """One peer's stay in one room."""

    id: str
    room: Room
    peer: str
    connection: int | None
    joined_at_ms: int
    name: str | None = None
    metadata: msgspec.Raw | None = None
    instance: str | None = None
    away: Away | None = None
    secrets: frozenset[str] = frozenset()
    """Names of rooms that the peer knows and no record may hold: this one's, and those it came from."""
    resumption: Resumption | None = None
    """None: it did not ask to be resumable."""
    asks_anew: bool = False
    """Whether its connection has taken the place by opening, and has not asked for a group yet."""
    replaced_s: deque[float] = field(default_factory=deque)
    """When a newer connection took it over, as far back as the rules look."""

    def view(self) -> PeerView:
        return PeerView(
            self.peer, self.joined_at_ms, self.name, self.metadata or UNSET, self.instance, away=self.away is not None
        )


@dataclass(slots=True, eq=False)
class Room:
    """The sessions that can see each other."""

    key: RoomKey
    rules: RoomRules
    listed: bool
    asked_capacity: int | None
    created_at_ms: int
    active_s: float
    """When one of its peers last sent something."""
    name: str | None = None
    mode: str | None = None
    own: OwnRules | None = None
    """What `rules` has from elsewhere than the dialect."""
    host: Session | None = None
    matched: tuple[str, ...] = ()
    """Peer ids in the order in which they came to wait, when the room was made for them."""
    sessions: dict[str, Session] = field(default_factory=dict)

    @property
    def capacity(self) -> int:
        asked = self.rules.joining.capacity if self.asked_capacity is None else self.asked_capacity
        return min(asked, self.rules.joining.capacity)

    def rule(self, rules: RoomRules, own: OwnRules | None) -> None:
        """Give it the rules of its dialect, but for what it has of its own. Whoever is in it stays."""
        self.own = own if own != OwnRules() else None
        self.rules = rules if own is None else own.over(rules)

    def others(self, session: Session) -> list[Session]:
        return [other for other in self.sessions.values() if other is not session]

    def view(self) -> RoomView:
        is_told = self.asked_capacity is not None or (self.own is not None and self.own.capacity is not None)
        return RoomView(self.key.room, len(self.sessions), self.created_at_ms, self.capacity if is_told else None)


class Membership:
    """Rooms by key and sessions by connection, changed only together."""

    def __init__(self) -> None:
        self._rooms: dict[RoomKey, Room] = {}
        self._by_connection: dict[int, Session] = {}
        self._by_peer: dict[tuple[str, str], Session] = {}  # dialect and peer id, where the rules give it one place

    @property
    def rooms(self) -> list[Room]:
        """In order of making."""
        return list(self._rooms.values())

    def __len__(self) -> int:
        return len(self._rooms)

    def room(self, key: RoomKey) -> Room | None:
        return self._rooms.get(key)

    def session(self, connection: int) -> Session | None:
        return self._by_connection.get(connection)

    def place(self, dialect: str, peer: str) -> Session | None:
        """The one place of a peer id, in a dialect whose rules give it one."""
        return self._by_peer.get((dialect, peer))

    def enter(self, room: Room, session: Session) -> None:
        """Add a new session; `room` begins to exist with its first, which is its host if it has one.

        Another host follows when the rules name it.
        """
        self._rooms[room.key] = room
        room.sessions[session.peer] = session
        if room.rules.host.enabled and (room.host is None or session.peer == room.rules.host.peer):
            room.host = session
        if room.rules.joining.one_room_per_peer:
            self._by_peer[room.key.dialect, session.peer] = session
        if session.connection is not None:
            self._by_connection[session.connection] = session

    def attach(self, session: Session, connection: int) -> int | None:
        """Make `connection` the session's own and return the one it had, which then has no session."""
        older = self.detach(session)
        session.connection, session.away = connection, None
        self._by_connection[connection] = session
        return older

    def detach(self, session: Session) -> int | None:
        """Take the session's connection from it and return that."""
        older, session.connection = session.connection, None
        if older is not None:
            del self._by_connection[older]
        return older

    def remove(self, session: Session) -> bool:
        """End the session; True when its room ended with it.

        A host's successor is the first that joined of those who are connected, else the first of all.
        """
        room = session.room
        self.detach(session)
        session.away = None  # nobody waits for it any more
        del room.sessions[session.peer]
        if room.rules.joining.one_room_per_peer:
            del self._by_peer[room.key.dialect, session.peer]
        if not room.sessions:
            del self._rooms[room.key]
            return True
        if room.host is session:
            members = list(room.sessions.values())
            room.host = next((member for member in members if member.connection is not None), members[0])
        return False
