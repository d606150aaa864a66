"""Queues that end in rooms. This file owns who waits.

1. A peer waits in one queue at most, or has its place in one room, never both.
2. A queue is in order of asking, and every peer in it is connected.
3. A room is made as soon as a queue is long enough, for its first ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub import commands, effects, records
from signaling_sidecar.hub.announcements import tell
from signaling_sidecar.hub.departures import Departures
from signaling_sidecar.hub.effects import Effect
from signaling_sidecar.hub.membership import Room, Session
from signaling_sidecar.hub.returns import Returns
from signaling_sidecar.hub.rules import Reason, RoomKey
from signaling_sidecar.hub.state import State


@dataclass(frozen=True, slots=True)
class Waiting:
    dialect: str
    peer: str
    size: int
    connection: int
    at_ms: int


class Matchmaking:
    def __init__(self, state: State, departures: Departures, returns: Returns) -> None:
        self._state = state
        self._departures = departures
        self._returns = returns
        self._waiting: dict[tuple[str, str], Waiting] = {}  # by dialect and peer, in order of asking
        self._by_connection: dict[int, Waiting] = {}

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self._waiting.values())

    def enqueue(self, ask: commands.Enqueue, now_s: float) -> list[Effect] | Refusal:
        place = self._state.membership.place(ask.dialect, ask.peer)
        if place is not None and _may_return(place, ask):
            done, record = self._returns.take_back(place, ask.connection, now_s)
            return [*done, record, *tell([place], effects.Matched(place.room.key.room, place.room.matched))]
        queue = self._queue(ask)
        if len(queue) + 1 >= ask.size and (refusal := self._state.refuse_room(place)) is not None:
            return refusal
        done = self._give_up_place(place, ask, now_s)
        waiting = Waiting(ask.dialect, ask.peer, ask.size, ask.connection, ask.at_ms)
        self._waiting[ask.dialect, ask.peer] = self._by_connection[ask.connection] = waiting
        done.append(_record("match.queued", waiting))
        queue.append(waiting)
        return done + (self._make_room(queue, now_s) if len(queue) >= ask.size else [])

    def cancel(self, connection: int) -> list[Effect]:
        """The connection waits no more, if it did."""
        waiting = self._by_connection.get(connection)
        if waiting is None:
            return []
        self._remove(waiting)
        return [_record("match.cancelled", waiting)]

    def _queue(self, ask: commands.Enqueue) -> list[Waiting]:
        """Those who wait for the same, the asking peer itself left out."""
        same = (ask.dialect, ask.size)
        return [each for each in self._waiting.values() if (each.dialect, each.size) == same and each.peer != ask.peer]

    def _give_up_place(self, place: Session | None, ask: commands.Enqueue, now_s: float) -> list[Effect]:
        """A new request replaces the old, whichever connection that came by."""
        done: list[Effect] = []
        earlier = self._waiting.get((ask.dialect, ask.peer))
        older = place.connection if place is not None else earlier.connection if earlier is not None else None
        if older not in (None, ask.connection):
            assert older is not None
            done.append(effects.Close(older, effects.CloseCode.REPLACED, "replaced"))
        if place is not None:
            done += self._departures.depart(place, Reason.MOVED, now_s)
        if earlier is not None:
            done += self.cancel(earlier.connection)
        return done

    def _remove(self, waiting: Waiting) -> None:
        del self._waiting[waiting.dialect, waiting.peer]
        del self._by_connection[waiting.connection]

    def _make_room(self, group: list[Waiting], now_s: float) -> list[Effect]:
        last = group[-1]
        key = RoomKey(last.dialect, self._state.ids.room())
        peers = tuple(waiting.peer for waiting in group)
        rules = self._state.rules[last.dialect]
        room = Room(key, rules, rules.listed, last.size, last.at_ms, now_s, matched=peers)
        done: list[Effect] = [records.of_new_room(room)]
        done.append(records.of_room("match.found", room, {"size": last.size, "peers": peers}))
        for waiting in group:
            self._remove(waiting)
            id_ = self._state.ids.session()
            session = Session(id_, room, waiting.peer, waiting.connection, joined_at_ms=waiting.at_ms)
            self._state.membership.enter(room, session)
            done.append(records.of_joined(session))
        self._state.lobby.mark_changed(room)
        return done + tell(room.sessions.values(), effects.Matched(key.room, peers))


def _may_return(place: Session, ask: commands.Enqueue) -> bool:
    """Whether the room that was found for the peer is still what it asks for, from a new connection."""
    mates = place.room.others(place)
    is_new = place.connection != ask.connection
    return is_new and place.room.asked_capacity == ask.size and any(mate.connection is not None for mate in mates)


def _record(type_: str, waiting: Waiting) -> effects.Record:
    return effects.Record(
        type_, waiting.dialect, peer=waiting.peer, connection=waiting.connection, data={"size": waiting.size}
    )
