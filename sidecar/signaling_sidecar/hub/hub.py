"""The hub: a command in, effects out. No I/O, no clock, no randomness of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from signaling_sidecar import errors
from signaling_sidecar.errors import Refusal
from signaling_sidecar.hub import commands, effects, records
from signaling_sidecar.hub.commands import Command, Refusable
from signaling_sidecar.hub.deadlines import Deadlines
from signaling_sidecar.hub.effects import Effect, Message, Send
from signaling_sidecar.hub.lobby import Lobby
from signaling_sidecar.hub.membership import Away, Membership, Room, Session
from signaling_sidecar.hub.rules import Ending, Reason, RoomRules


class Ids(Protocol):
    """Where new names come from: random ones when it serves, counted ones in a test."""

    def session(self) -> str:
        """A session id that never was, in any run."""

    def peer(self) -> str:
        """A peer id, for a peer that brought none."""


class Hub:
    """All rooms of all dialects.

    `rules` is by dialect name. `handle` is called with a `now_s` that never goes back, and with a `Tick` when
    `next_deadline_s` has come.
    """

    def __init__(self, rules: Mapping[str, RoomRules], max_rooms: int, ids: Ids) -> None:
        self._rules = rules
        self._max_rooms = max_rooms
        self._ids = ids
        self._deadlines = Deadlines()
        self.membership = Membership()
        self.lobby = Lobby(self.membership, self._deadlines)
        self._verbs: dict[type, Callable[[Any, float], list[Effect] | Refusal]] = {
            commands.Join: self._join,
            commands.Leave: self._leave,
            commands.End: self._end,
            commands.Relay: self._relay,
            commands.Update: self._update,
            commands.Trace: self._trace,
            commands.ListRooms: self._list_rooms,
            commands.WatchRooms: self._watch_rooms,
            commands.UnwatchRooms: self._unwatch_rooms,
            commands.Ping: self._ping,
            commands.Refuse: self._refuse,
            commands.Tick: self._tick,
        }

    def handle(self, command: Command, now_s: float) -> list[Effect]:
        """Carry out one command. A refused one changes nothing, and only its sender is told."""
        outcome = self._verbs[type(command)](command, now_s)
        if isinstance(outcome, Refusal):
            assert isinstance(command, Refusable)
            outcome = self._answer(command, outcome)
        return outcome + self.lobby.send_due(now_s)

    @property
    def next_deadline_s(self) -> float | None:
        return self._deadlines.next_s

    def _answer(self, command: Refusable, refusal: Refusal) -> list[Effect]:
        session = self.membership.session(command.connection)
        return [
            records.of_refusal(command, refusal, session),
            Send((command.connection,), effects.Refused(refusal, command.ref)),
        ]

    # --- joining ---------------------------------------------------------------------------------------------------

    def _join(self, join: commands.Join, now_s: float) -> list[Effect] | Refusal:
        current = self.membership.session(join.connection)
        if current is not None and current.room.key == join.room and join.peer in (None, current.peer):
            return [_peer_list(current)]
        room = self.membership.room(join.room)
        known = room.sessions.get(join.peer) if room is not None and join.peer is not None else None
        refusal = _refuse_return(known, now_s) if known else self._refuse_entry(join, current, room)
        if refusal is not None:
            return refusal
        done = self._depart(current, Reason.MOVED) if current is not None else []
        return done + (self._return(join, known, now_s) if known is not None else self._enter(join))

    def _refuse_entry(self, join: commands.Join, current: Session | None, room: Room | None) -> Refusal | None:
        """`current` gives up its place with this join, and its room ends with it when it is alone there."""
        rules = self._rules[join.room.dialect]
        if join.capacity is not None and join.capacity > rules.capacity:
            return errors.bad_field("capacity", f"a whole number from 1 to {rules.capacity}")
        if room is None:
            ending = 1 if current is not None and len(current.room.sessions) == 1 else 0
            full = len(self.membership) - ending >= self._max_rooms
            return errors.too_many_rooms(self._max_rooms) if full else None
        leaving = 1 if current is not None and current.room is room else 0
        full = len(room.sessions) - leaving >= room.capacity
        return errors.room_full(room.key.room, room.capacity) if full else None

    def _enter(self, join: commands.Join) -> list[Effect]:
        done: list[Effect] = []
        room = self.membership.room(join.room)
        if room is None:
            room = self._new_room(join)
            done.append(records.of_room("room.created", room, {"capacity": room.capacity, "listed": room.listed}))
        session = Session(
            id=self._ids.session(),
            room=room,
            peer=self._new_peer_id(room) if join.peer is None else join.peer,
            connection=join.connection,
            joined_at_ms=join.at_ms,
            name=join.name,
            metadata=join.metadata,
            instance=join.instance,
        )
        self.membership.enter(room, session)
        self.lobby.mark_changed(room)
        profile = records.present(name=join.name, metadata=join.metadata, instance=join.instance)
        done.append(records.of_session("peer.joined", session, profile | {"joined_at_ms": join.at_ms}))
        done.append(_peer_list(session))
        return done + _tell(room.others(session), effects.PeerJoined(session.view()))

    def _new_room(self, join: commands.Join) -> Room:
        rules = self._rules[join.room.dialect]
        listed = rules.listed if join.listed is None else join.listed
        return Room(join.room, rules, listed, join.capacity, join.at_ms)

    def _new_peer_id(self, room: Room) -> str:
        while (peer := self._ids.peer()) in room.sessions:
            pass
        return peer

    def _return(self, join: commands.Join, session: Session, now_s: float) -> list[Effect]:
        """A known id comes back, within its grace or on a newer connection that replaces the older."""
        told = session.away.told if session.away is not None else set()
        older = self.membership.attach(session, join.connection)
        done: list[Effect] = []
        if older is not None:
            session.replaced_s.append(now_s)
            done.append(effects.Close(older, effects.CloseCode.REPLACED, "replaced"))
        changes = _apply_changes(session, name=join.name, metadata=join.metadata, instance=join.instance)
        done.append(records.of_session("peer.resumed", session, changes | records.present(replaced=older)))
        done.append(_peer_list(session))
        others = session.room.others(session)
        saw_it_away = [other for other in others if other.id in told]
        done += _tell(saw_it_away, effects.PeerUpdated(peer=session.peer, away=False, **changes))
        if changes:
            saw_nothing = [other for other in others if other.id not in told]
            done += _tell(saw_nothing, effects.PeerUpdated(peer=session.peer, **changes))
        return done

    # --- leaving ---------------------------------------------------------------------------------------------------

    def _leave(self, leave: commands.Leave, now_s: float) -> list[Effect] | Refusal:
        session = self.membership.session(leave.connection)
        if session is None:
            return errors.not_joined("leave")
        if leave.room is not None and leave.room != session.room.key.room:
            return errors.no_such_room(leave.room)
        if leave.peer is not None and leave.peer != session.peer:
            return errors.forged_from(leave.peer, session.peer)
        return self._depart(session, Reason.LEFT)

    def _end(self, end: commands.End, now_s: float) -> list[Effect]:
        self.lobby.unwatch(end.connection)
        session = self.membership.session(end.connection)
        if session is None:
            return []
        rules = session.room.rules
        grace_s = rules.grace_s[end.ending]
        if grace_s <= 0:
            return self._depart(session, Reason.CLOSED if end.ending is Ending.CLOSED else Reason.LOST)
        record = records.of_session("peer.away", session, {"ending": end.ending, "grace_s": grace_s})
        self.membership.detach(session)
        session.away = away = Away(end.ending, now_s + grace_s)
        self._deadlines.at(now_s + rules.away_notice_s, lambda _: _tell_away(session, away))
        self._deadlines.at(away.until_s, lambda _: self._give_up(session, away))
        return [record]

    def _give_up(self, session: Session, away: Away) -> list[Effect]:
        return self._depart(session, Reason.LOST) if session.away is away else []

    def _depart(self, session: Session, reason: Reason) -> list[Effect]:
        room = session.room
        done: list[Effect] = [records.of_session("peer.left", session, {"reason": reason})]
        ended = self.membership.remove(session)
        self.lobby.mark_changed(room)
        done += _tell(room.sessions.values(), effects.PeerLeft(session.peer, reason))
        return [*done, records.of_room("room.ended", room)] if ended else done

    # --- talking ---------------------------------------------------------------------------------------------------

    def _relay(self, relay: commands.Relay, now_s: float) -> list[Effect] | Refusal:
        session = self.membership.session(relay.connection)
        if session is None:
            return errors.not_joined(relay.kind)
        receivers = _receivers(session, relay)
        if isinstance(receivers, Refusal):
            return receivers
        size = len(relay.payload)
        record = records.of_session("signal.relayed", session, relay.payload, to=relay.to, kind=relay.kind, size=size)
        return [record, *_tell(receivers, effects.Relayed(session.peer, relay.kind, relay.payload))]

    def _update(self, update: commands.Update, now_s: float) -> list[Effect] | Refusal:
        session = self.membership.session(update.connection)
        if session is None:
            return errors.not_joined("update")
        changes = _apply_changes(session, name=update.name, metadata=update.metadata)
        if not changes:
            return []
        record = records.of_session("peer.updated", session, changes)
        return [record, *_tell(session.room.others(session), effects.PeerUpdated(peer=session.peer, **changes))]

    def _trace(self, trace: commands.Trace, now_s: float) -> list[Effect] | Refusal:
        session = self.membership.session(trace.connection)
        if session is None:
            return errors.not_joined("trace")
        return [records.of_session("trace.state", session, trace.payload, size=len(trace.payload))]

    def _ping(self, ping: commands.Ping, now_s: float) -> list[Effect]:
        return [Send((ping.connection,), effects.Pong())]

    def _refuse(self, refuse: commands.Refuse, now_s: float) -> Refusal:
        return refuse.refusal

    # --- the lobby and time ----------------------------------------------------------------------------------------

    def _list_rooms(self, command: commands.ListRooms, now_s: float) -> list[Effect]:
        return [Send((command.connection,), self.lobby.rooms(command.dialect))]

    def _watch_rooms(self, command: commands.WatchRooms, now_s: float) -> list[Effect]:
        return self.lobby.watch(command.connection, command.dialect, now_s)

    def _unwatch_rooms(self, command: commands.UnwatchRooms, now_s: float) -> list[Effect]:
        self.lobby.unwatch(command.connection)
        return []

    def _tick(self, _: commands.Tick, now_s: float) -> list[Effect]:
        return self._deadlines.run(now_s)


def _refuse_return(session: Session, now_s: float) -> Refusal | None:
    rules = session.room.rules
    while session.replaced_s and session.replaced_s[0] <= now_s - rules.replacement_window_s:
        session.replaced_s.popleft()
    if session.connection is None or len(session.replaced_s) < rules.replacements:
        return None
    return errors.id_taken(session.peer, rules.replacements, rules.replacement_window_s)


def _receivers(session: Session, relay: commands.Relay) -> list[Session] | Refusal:
    if relay.claimed_from is not None and relay.claimed_from != session.peer:
        return errors.forged_from(relay.claimed_from, session.peer)
    if relay.to is None:
        return session.room.others(session)
    target = session.room.sessions.get(relay.to)
    if target is None or target is session:
        return errors.no_such_peer(relay.to)
    return errors.peer_away(relay.to) if target.connection is None else [target]


def _apply_changes(session: Session, **wanted: Any) -> dict[str, Any]:
    """Give the session what is wanted (None: unchanged), and say what that changed."""
    changes = {name: value for name, value in wanted.items() if value not in (None, getattr(session, name))}
    for name, value in changes.items():
        setattr(session, name, value)
    return changes


def _peer_list(session: Session) -> Send:
    """The list for `session`. Whom it shows as away, it was told of."""
    others = session.room.others(session)
    for other in others:
        if other.away is not None:
            other.away.told.add(session.id)
    assert session.connection is not None
    views = tuple(other.view() for other in others)
    return Send(
        (session.connection,), effects.PeerList(session.room.key.room, session.peer, session.joined_at_ms, views)
    )


def _tell_away(session: Session, away: Away) -> list[Effect]:
    if session.away is not away:
        return []
    others = session.room.others(session)
    unaware = [other for other in others if other.connection is not None and other.id not in away.told]
    away.told.update(other.id for other in unaware)
    return _tell(unaware, effects.PeerUpdated(peer=session.peer, away=True))


def _tell(receivers: Iterable[Session], message: Message) -> list[Effect]:
    """Send to those of the sessions that are connected."""
    connections = tuple(session.connection for session in receivers if session.connection is not None)
    return [Send(connections, message)] if connections else []
