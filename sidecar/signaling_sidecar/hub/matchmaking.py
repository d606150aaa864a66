"""Queues that end in rooms. This file owns who waits.

1. A peer waits in one queue at most, or has its place in one room, never both.
2. A queue is in order of asking. Who has no connection since the sidecar stopped keeps his place in it for his grace.
3. A room is made as soon as enough in a queue are connected, for the first of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec

from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub import commands, effects, records
from signaling_sidecar.hub.announcements import tell
from signaling_sidecar.hub.departures import Departures
from signaling_sidecar.hub.effects import Effect
from signaling_sidecar.hub.membership import Room, Session
from signaling_sidecar.hub.returns import Returns
from signaling_sidecar.hub.rules import Ending, Reason, RoomKey
from signaling_sidecar.hub.state import State


class Waiting(msgspec.Struct, frozen=True):
    dialect: str
    peer: str
    size: int
    connection: int | None
    at_ms: int
    """Wall clock of the request, ms since the epoch."""
    queue: str = ""


class Matchmaking:
    def __init__(self, state: State, departures: Departures, returns: Returns) -> None:
        self._state = state
        self._departures = departures
        self._returns = returns
        self._waiting: dict[tuple[str, str], Waiting] = {}  # by dialect and peer, in order of asking
        self._by_connection: dict[int, Waiting] = {}

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self._waiting.values())

    def opened(self, opened: commands.Opened, now_s: float) -> list[Effect]:
        """A peer has its place, if it has one, on its newest connection, whether or not that asks for anything."""
        place = self._state.membership.session_of_peer(opened.dialect, opened.peer)
        if place is None or place.connection == opened.connection:
            return []
        done, record = self._returns.attach(place, opened.connection, now_s, unlisted=True)
        place.awaits_request = True
        return [*done, record, *self._state.mailboxes.deliver(place)]

    def enqueue(self, ask: commands.Enqueue, now_s: float) -> list[Effect] | Refusal:
        if ask.peer is None:
            ask = msgspec.structs.replace(ask, peer=self._id_of(ask.connection) or self._state.ids.peer())
        assert ask.peer is not None
        place = self._state.membership.session_of_peer(ask.dialect, ask.peer)
        if place is not None and _may_return(place, ask):
            done: list[Effect] = []
            if place.connection != ask.connection:
                done, record = self._returns.attach(place, ask.connection, now_s, unlisted=True)
                done.append(record)
            place.awaits_request = False
            matched = effects.Matched(place.room.key.room, place.room.matched, place.peer)
            return [*done, *tell([place], matched), *self._state.mailboxes.deliver(place)]
        if len(self._queue(ask)) + 1 >= ask.size and (refusal := self._state.refuse_room(place)) is not None:
            return refusal
        done = self._give_up_place(place, self._waiting.get((ask.dialect, ask.peer)), ask, now_s)
        waiting = Waiting(ask.dialect, ask.peer, ask.size, ask.connection, ask.at_ms, ask.queue)
        self._waiting[ask.dialect, ask.peer] = self._by_connection[ask.connection] = waiting
        done.append(_record("match.queued", waiting))
        group = self._queue(ask)[: ask.size]
        return done + (self._make_room(group, now_s) if len(group) >= ask.size else [])

    def end(self, connection: int, ending: Ending) -> list[Effect]:
        """The connection is gone: it waits no more, unless all are because the sidecar stops."""
        waiting = self._by_connection.get(connection)
        if waiting is None:
            return []
        if ending is Ending.STOPPED:
            del self._by_connection[connection]
            self.put_back(msgspec.structs.replace(waiting, connection=None))
            return []
        return self._cancel(waiting)

    def put_back(self, waiting: Waiting) -> None:
        """Somebody waits as before, without a connection yet; a place that he has in the queue stays his."""
        self._waiting[waiting.dialect, waiting.peer] = waiting

    def forget(self, dialect: str, peer: str) -> None:
        self._waiting.pop((dialect, peer), None)

    def keep_places(self, now_s: float) -> None:
        """From now on those without a connection have their grace to come back in."""
        for waiting in self:
            grace_s = self._state.rules[waiting.dialect].endings.grace_s[Ending.STOPPED]
            self._state.deadlines.at(now_s + grace_s, partial(self._give_up, waiting))

    def _give_up(self, waiting: Waiting, now_s: float) -> list[Effect]:
        return self._cancel(waiting) if self._waiting.get((waiting.dialect, waiting.peer)) is waiting else []

    def _cancel(self, waiting: Waiting) -> list[Effect]:
        self._remove(waiting)
        return [_record("match.cancelled", waiting)]

    def _id_of(self, connection: int) -> str | None:
        """Return the id under which the connection waits, or is in a room."""
        waiting = self._by_connection.get(connection)
        if waiting is not None:
            return waiting.peer
        session = self._state.membership.session(connection)
        return session.peer if session is not None else None

    def _queue(self, ask: commands.Enqueue) -> list[Waiting]:
        """Those who wait for the same and are connected. A room is made of 16 at most, so they are few."""
        wanted = (ask.dialect, ask.queue, ask.size)
        return [
            each
            for each in self._waiting.values()
            if (each.dialect, each.queue, each.size) == wanted and each.connection is not None
        ]

    def _give_up_place(
        self, place: Session | None, earlier: Waiting | None, ask: commands.Enqueue, now_s: float
    ) -> list[Effect]:
        """A new request replaces the old, whichever connection that came by."""
        done: list[Effect] = []
        older = place.connection if place is not None else earlier.connection if earlier is not None else None
        if older not in (None, ask.connection):
            assert older is not None
            done.append(effects.Close(older, effects.CloseCode.REPLACED, "replaced"))
        if place is not None:
            done += self._departures.depart(place, Reason.MOVED, now_s)
        is_same = earlier is not None and (earlier.queue, earlier.size) == (ask.queue, ask.size)
        if earlier is not None and (earlier.connection is not None or not is_same):
            done += self._cancel(earlier)
        return done

    def _remove(self, waiting: Waiting) -> None:
        del self._waiting[waiting.dialect, waiting.peer]
        if waiting.connection is not None:
            del self._by_connection[waiting.connection]

    def _make_room(self, group: list[Waiting], now_s: float) -> list[Effect]:
        last = group[-1]
        key = RoomKey(last.dialect, self._state.ids.room())
        peers = tuple(waiting.peer for waiting in group)
        rules = self._state.rules[last.dialect]
        room = Room(key, rules, rules.entry.listed, last.size, last.at_ms, now_s, matched=peers, queue=last.queue)
        done: list[Effect] = [records.of_new_room(room)]
        done.append(records.of_room("match.found", room, {**_wanted(last), "peers": peers}))
        for waiting in group:
            self._remove(waiting)
            id_ = self._state.ids.session()
            session = Session(id_, room, waiting.peer, waiting.connection, joined_at_ms=waiting.at_ms)
            self._state.membership.enter(room, session)
            done.append(records.of_joined(session))
        self._state.lobby.mark_changed(room)
        for session in room.sessions.values():
            done += tell([session], effects.Matched(key.room, peers, session.peer))
        return done


def _may_return(place: Session, ask: commands.Enqueue) -> bool:
    """Whether the room that was found for the peer is still what it asks for, from a new connection."""
    is_new = place.connection != ask.connection or place.awaits_request
    is_same = place.room.asked_capacity == ask.size and place.room.queue == ask.queue
    return is_new and is_same and any(map(_is_there, place.room.others(place)))


def _is_there(mate: Session) -> bool:
    """Whether a mate is connected, or was until the sidecar stopped: then it is on its way back."""
    return mate.connection is not None or (mate.away is not None and mate.away.ending is Ending.STOPPED)


def _record(type_: str, waiting: Waiting) -> effects.Record:
    return effects.Record(
        type_,
        waiting.dialect,
        peer=waiting.peer,
        connection=waiting.connection,
        data=_wanted(waiting),
    )


def _wanted(waiting: Waiting) -> dict[str, Any]:
    return {"size": waiting.size, **records.present(queue=waiting.queue or None)}
