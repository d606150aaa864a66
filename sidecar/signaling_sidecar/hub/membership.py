"""Who is in which room. This file owns that state; everything else asks it.

1. A room exists exactly while it has a session.
2. A session is in one room for its whole life, under one peer id that is unique in that room.
3. A connection has at most one session, and a session at most one connection. A session without one is away.
4. `Room.sessions` is in order of joining; coming back does not change a session's place in it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import msgspec

from signaling_sidecar.hub.effects import PeerView, RoomView
from signaling_sidecar.hub.rules import Ending, RoomKey, RoomRules


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
    replaced_s: deque[float] = field(default_factory=deque)
    """When a newer connection took it over, as far back as the rules look."""

    def view(self) -> PeerView:
        return PeerView(
            self.peer, self.joined_at_ms, self.name, self.metadata, self.instance, away=self.away is not None
        )


@dataclass(slots=True, eq=False)
class Room:
    """The sessions that can see each other."""

    key: RoomKey
    rules: RoomRules
    listed: bool
    asked_capacity: int | None
    created_at_ms: int
    sessions: dict[str, Session] = field(default_factory=dict)

    @property
    def capacity(self) -> int:
        return self.rules.capacity if self.asked_capacity is None else self.asked_capacity

    def others(self, session: Session) -> list[Session]:
        return [other for other in self.sessions.values() if other is not session]

    def view(self) -> RoomView:
        return RoomView(self.key.room, len(self.sessions), self.created_at_ms, self.asked_capacity)


class Membership:
    """Rooms by key and sessions by connection, changed only together."""

    def __init__(self) -> None:
        self._rooms: dict[RoomKey, Room] = {}
        self._by_connection: dict[int, Session] = {}

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

    def enter(self, room: Room, session: Session) -> None:
        """Add a new session; `room` begins to exist with its first."""
        self._rooms[room.key] = room
        room.sessions[session.peer] = session
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
        """End the session; True when its room ended with it."""
        self.detach(session)
        del session.room.sessions[session.peer]
        if session.room.sessions:
            return False
        del self._rooms[session.room.key]
        return True
