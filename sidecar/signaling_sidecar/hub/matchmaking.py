"""Matchmaking: peers wait in a queue until there are enough of them for a group, and then get a room.

All other code must use this module to read or change the queues.

1. A peer waits in at most one queue, or is in at most one room, but never both.
2. The peers in a queue are in the order of their requests. When the sidecar stops, a peer keeps its position for the
   grace period of its dialect.
3. As soon as enough peers in a queue are connected, a room is created for those of them that asked first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import msgspec

from signaling_sidecar import errors
from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub import commands, effects, messages, records
from signaling_sidecar.hub.announcements import tell
from signaling_sidecar.hub.departures import Departures
from signaling_sidecar.hub.effects import Effect, Send
from signaling_sidecar.hub.grant import subject_of
from signaling_sidecar.hub.membership import Room, Session
from signaling_sidecar.hub.returns import Returns
from signaling_sidecar.hub.rules import Ending, Reason, RoomKey
from signaling_sidecar.hub.state import State

# Milliseconds after a request in which its connection counts as alive. A challenge without an answer takes as long,
# so a shorter time would hardly help.
ALIVE_FOR_MS = 2_000


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """A peer that waits in a queue for a group of `size` peers."""

    dialect: str
    peer: str
    size: int
    connection: int | None
    at_ms: int
    """The wall-clock time of the request in ms since the epoch."""
    queue: str = ""
    """The name of the queue. The peers of a group have asked for the same queue and the same size."""
    subject: str | None = None
    """The subject of the access token that the client had when it asked."""


class _Queue(NamedTuple):
    dialect: str
    name: str
    size: int


def _queue_of(asking: Waiting | commands.Enqueue) -> _Queue:
    return _Queue(asking.dialect, asking.queue, asking.size)


class Matchmaking:
    def __init__(self, state: State, departures: Departures, returns: Returns) -> None:
        self._state = state
        self._departures = departures
        self._returns = returns
        self._waiting: dict[tuple[str, str], Waiting] = {}
        """All waiting peers by dialect and peer id, in the order of their requests."""
        self._queues: dict[_Queue, dict[str, Waiting]] = {}
        """All waiting peers by queue and peer id. No queue is empty."""
        self._by_connection: dict[int, Waiting] = {}

    def __iter__(self) -> Iterator[Waiting]:
        """Iterate over all waiting peers, in the order of their requests."""
        return iter(self._waiting.values())

    def opened(self, opened: commands.Opened, now_s: float) -> list[Effect]:
        """If the peer of a new connection has a session, continue it on this connection, before the client sends a
        frame."""
        session = self._state.membership.session_of_peer(opened.dialect, opened.peer)
        if session is None or session.connection == opened.connection or session.subject != subject_of(opened.grant):
            return []
        session.awaits_request = True
        done, record = self._returns.attach(session, opened.connection, now_s, unlisted=True, awaits_request=True)
        # Without this message, the connection would be closed as idle if the client has nothing to send.
        greeting = Send((opened.connection,), messages.Greeting(opened.peer))
        return [*done, record, greeting, *self._state.mailboxes.deliver(session)]

    def doubtful(self, ask: commands.Enqueue) -> list[Waiting]:
        """Return those of the peers with which the request would be matched now, whose connections may have been lost
        without a Close frame since the peers asked. A request that has just arrived proves that its connection is
        alive."""
        others = [each for each in self.queue(ask) if each.peer != ask.peer and each.connection != ask.connection]
        if len(others) + 1 < ask.size:
            return []
        return [each for each in others if ask.at_ms - each.at_ms >= ALIVE_FOR_MS]

    def enqueue(self, ask: commands.Enqueue, now_s: float) -> list[Effect] | Refusal:
        """Add the peer to its queue. If the peer repeats a request for which it has already got a room, tell it that
        room again."""
        if ask.peer is None:
            ask = msgspec.structs.replace(ask, peer=self._id_of(ask.connection) or self._state.ids.peer())
        assert ask.peer is not None
        session = self._state.membership.session_of_peer(ask.dialect, ask.peer)
        earlier = self._waiting.get((ask.dialect, ask.peer))
        if any(known is not None and known.subject != subject_of(ask.grant) for known in (session, earlier)):
            return errors.of_another_subject(ask.peer)
        if session is not None and _may_return(session, ask):
            return self._return(session, ask, now_s)
        if len(self.queue(ask)) + 1 >= ask.size and (refusal := self._state.refuse_room(session)) is not None:
            return refusal
        done = self._replace_request(session, earlier, ask, now_s)
        subject = subject_of(ask.grant)
        waiting = Waiting(ask.dialect, ask.peer, ask.size, ask.connection, ask.at_ms, ask.queue, subject)
        self.put_back(waiting)
        self._by_connection[ask.connection] = waiting
        done.append(_record("match.queued", waiting))
        group = self.queue(ask)[: ask.size]
        return done + (self._make_room(group, now_s) if len(group) >= ask.size else [])

    def _return(self, session: Session, ask: commands.Enqueue, now_s: float) -> list[Effect]:
        """Continue the peer's session in the room that it has already got, and tell it that room again."""
        done: list[Effect]
        if session.connection != ask.connection:
            done, record = self._returns.attach(session, ask.connection, now_s, unlisted=True)
            done.append(record)
        else:
            done = [records.of_session("match.returned", session)]
        session.awaits_request = False
        matched = messages.Matched(session.room.key.room, session.room.matched, session.peer)
        return [*done, *tell([session], matched), *self._state.mailboxes.deliver(session)]

    def end_connection(self, connection: int, ending: Ending, now_s: float) -> list[Effect]:
        """Remove the peer of a connection that has ended from its queue. If the sidecar stopped, the peer is not
        removed at once, but keeps its position for the grace period."""
        waiting = self._by_connection.get(connection)
        if waiting is None:
            return []
        if ending is Ending.STOPPED:
            del self._by_connection[connection]
            waiting = msgspec.structs.replace(waiting, connection=None)
            self.put_back(waiting)
            self._start_grace(waiting, now_s)
            return []
        return self._cancel(waiting)

    def put_back(self, waiting: Waiting) -> None:
        """Add a peer to its queue, or update it. A peer that is in this queue already keeps its position."""
        earlier = self._waiting.get((waiting.dialect, waiting.peer))
        if earlier is not None and _queue_of(earlier) != _queue_of(waiting):
            self._take_out(earlier)
        self._waiting[waiting.dialect, waiting.peer] = waiting
        self._queues.setdefault(_queue_of(waiting), {})[waiting.peer] = waiting

    def restore(self, waiting: Waiting) -> None:
        """Restore a peer that waited in a queue according to the log."""
        earlier = self._waiting.get((waiting.dialect, waiting.peer))
        if earlier is not None and earlier.connection is not None:
            self._remove(earlier)
        self.put_back(waiting)
        if waiting.connection is not None:
            self._by_connection[waiting.connection] = waiting

    def forget(self, dialect: str, peer: str) -> None:
        """Remove a peer from its queue."""
        waiting = self._waiting.get((dialect, peer))
        if waiting is not None:
            self._remove(waiting)

    def queue(self, ask: commands.Enqueue) -> list[Waiting]:
        """Return the connected peers in the queue that `ask` names, in the order of their requests. There are few
        of them, because they get a room as soon as there are enough for a group."""
        queue = self._queues.get(_queue_of(ask), {})
        return [waiting for waiting in queue.values() if waiting.connection is not None]

    def start_graces(self, now_s: float) -> None:
        """Start the grace period of each waiting peer that has no connection. Must be called after a restore."""
        for waiting in self:
            if waiting.connection is None:
                self._start_grace(waiting, now_s)

    def _start_grace(self, waiting: Waiting, now_s: float) -> None:
        grace_s = self._state.rules[waiting.dialect].endings.grace_s[Ending.STOPPED]
        self._state.deadlines.at(now_s + grace_s, partial(self._give_up, waiting))

    def _give_up(self, waiting: Waiting, now_s: float) -> list[Effect]:
        return self._cancel(waiting) if self._waiting.get((waiting.dialect, waiting.peer)) is waiting else []

    def _cancel(self, waiting: Waiting) -> list[Effect]:
        self._remove(waiting)
        return [_record("match.cancelled", waiting)]

    def _id_of(self, connection: int) -> str | None:
        """Return the peer id that the connection has in a queue or in a room, or None."""
        waiting = self._by_connection.get(connection)
        if waiting is not None:
            return waiting.peer
        session = self._state.membership.session(connection)
        return session.peer if session is not None else None

    def _replace_request(
        self, session: Session | None, earlier: Waiting | None, ask: commands.Enqueue, now_s: float
    ) -> list[Effect]:
        """Cancel the peer's earlier request: end its session, or remove it from its queue.

        If the peer repeats the same request after a restart, it keeps its position in the queue.
        """
        done: list[Effect] = []
        older = session.connection if session is not None else earlier.connection if earlier is not None else None
        if older not in (None, ask.connection):
            assert older is not None
            done.append(effects.Close(older, messages.CloseCode.REPLACED, "replaced"))
        if session is not None:
            done += self._departures.depart(session, Reason.MOVED, now_s)
        is_same = earlier is not None and (earlier.queue, earlier.size) == (ask.queue, ask.size)
        if earlier is not None and (earlier.connection is not None or not is_same):
            done += self._cancel(earlier)
        return done

    def _take_out(self, waiting: Waiting) -> None:
        del self._waiting[waiting.dialect, waiting.peer]
        queue = self._queues[_queue_of(waiting)]
        del queue[waiting.peer]
        if not queue:
            del self._queues[_queue_of(waiting)]

    def _remove(self, waiting: Waiting) -> None:
        self._take_out(waiting)
        if waiting.connection is not None and self._by_connection.get(waiting.connection) is waiting:
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
            session = Session(
                id_, room, waiting.peer, waiting.connection, joined_at_ms=waiting.at_ms, subject=waiting.subject
            )
            self._state.membership.enter(room, session)
            done.append(records.of_joined(session))
        self._state.lobby.mark_changed(room)
        for session in room.sessions.values():
            done += tell([session], messages.Matched(key.room, peers, session.peer))
        return done


def _may_return(session: Session, ask: commands.Enqueue) -> bool:
    """Whether the peer repeats its request on a new connection, and another peer of its group is still in the room or
    expected there."""
    is_new = session.connection != ask.connection or session.awaits_request
    is_same = session.room.asked_capacity == ask.size and session.room.queue == ask.queue
    return is_new and is_same and any(map(_is_expected, session.room.others(session)))


def _is_expected(mate: Session) -> bool:
    """Whether a peer of the group is connected, or is away because the sidecar has stopped. In the second case, the
    peer is expected to return."""
    return mate.connection is not None or (mate.away is not None and mate.away.ending is Ending.STOPPED)


def of_waiting(type_: str, waiting: Waiting, data: Mapping[str, Any]) -> effects.Record:
    return effects.Record(type_, waiting.dialect, peer=waiting.peer, connection=waiting.connection, data=data)


def _record(type_: str, waiting: Waiting) -> effects.Record:
    # The request may have waited for a challenge, so the record may be later than the request.
    data = {**_wanted(waiting), "at_ms": waiting.at_ms, **records.present(subject=waiting.subject)}
    return of_waiting(type_, waiting, data)


def _wanted(waiting: Waiting) -> dict[str, Any]:
    return {"size": waiting.size, **records.present(queue=waiting.queue or None)}
