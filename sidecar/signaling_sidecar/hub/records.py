"""Creates the records that the hub writes to the event log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, assert_never

import msgspec

from signaling_sidecar.errors import NOT_JSON, Refusal
from signaling_sidecar.hub.commands import Enqueue, Join, Leave, Refusable, Refuse, Relay, Trace, Update, UpdateRoom
from signaling_sidecar.hub.effects import Effect, Record
from signaling_sidecar.hub.membership import Room, Session
from signaling_sidecar.hub.payloads import to_json
from signaling_sidecar.hub.rules import OwnRules, RoomKey

_encode = msgspec.json.Encoder().encode


def of_room(type_: str, room: Room, data: Mapping[str, Any] | None = None) -> Record:
    return Record(type_, room.key.dialect, room.key.room, data=data)


def of_new_room(room: Room) -> Record:
    announced = None if room.rules.announcements.announces_members else False
    name = None if room.rules.entry.secret else room.name
    data = present(
        name=name,
        mode=room.mode,
        rules=room.own,
        announced=announced,
        asked_listed=room.overruled_listed,
        asked_capacity=room.asked_capacity,
        group=room.group,
    )
    return of_room("room.created", room, {"capacity": room.capacity, "listed": room.listed, **data})


def of_own_rules(room: Room) -> Record:
    rules = room.own if room.own is not None else OwnRules()
    by_admin = present(by_admin=room.ruled_by_admin or None)
    return of_room("room.ruled", room, {"rules": rules, "capacity": room.capacity, "listed": room.listed, **by_admin})


def of_new_host(room: Room) -> Record:
    assert room.host is not None
    return of_room("room.updated", room, {"host": room.host.peer})


def of_joined(session: Session) -> Record:
    token = session.resumption.issued if session.resumption is not None else None
    profile = present(name=session.name, metadata=session.metadata, instance=session.instance)
    tokens = present(token=token, own_token=session.own_token, subject=session.subject)
    return of_session("peer.joined", session, profile | tokens | {"joined_at_ms": session.joined_at_ms})


def of_relay(session: Session, relay: Relay, type_: str = "signal.relayed") -> Record:
    """Return the record of a relayed frame. The payload is left out if it contains the secret name of a room."""
    payload = relay.payload
    data = None if session.secrets and _tells_a_secret(payload, session.room) else to_json(payload)
    key = session.room.key
    return Record(  # faster than `of_session`, which matters because this is the most frequent record
        type_,
        key.dialect,
        key.room,
        session.peer,
        relay.to if relay.receiver_name is None else _meant(relay.receiver_name, session.room),
        session.connection,
        session.id,
        relay.kind,
        len(payload),
        data,
    )


def of_relay_from_outside(room: Room, relay: Relay) -> Record:
    """Return the record of a relayed frame whose sender is not in the room. The record has no session, and its peer id
    is the one that the frame names as its sender."""
    return Record(
        "signal.relayed",
        room.key.dialect,
        room.key.room,
        relay.claimed_from,
        None if relay.receiver_name is None else _meant(relay.receiver_name, room),
        relay.connection,
        None,
        relay.kind,
        len(relay.payload),
        to_json(relay.payload),
    )


def _meant(name: str, room: Room) -> str:
    """Return the id of the peer with this name, or the name itself if no peer in the room has it."""
    return room.peer_named(name) or name


def _tells_a_secret(payload: bytes, room: Room) -> bool:
    return _contains(payload, frozenset().union(*(member.secrets for member in room.sessions.values())))


def _contains(payload: bytes, names: Iterable[str]) -> bool:
    """Whether a payload contains one of the names, in any spelling with JSON escapes. Returns True if the payload is
    not JSON."""
    try:
        text = _encode(msgspec.json.decode(payload))
    except NOT_JSON:
        return True
    return any(_encode(name)[1:-1] in text for name in names)


def of_session(
    type_: str,
    session: Session,
    data: bytes | Mapping[str, Any] | None = None,
    *,
    size: int | None = None,
) -> Record:
    key = session.room.key
    return Record(type_, key.dialect, key.room, session.peer, None, session.connection, session.id, None, size, data)


def of_refusal(command: Refusable, refusal: Refusal, session: Session | None) -> Record:
    """Return the record of a refusal, with the room that the command is about. That is the room that the command names
    or, if it names none, the room of `session`.

    `session` is the sender's session in that room, or None if the sender is not in it.
    """
    count, size = (command.count, command.size) if isinstance(command, Refuse) else (1, None)
    name = command.name if isinstance(command, Join | Refuse) else None
    data = {"code": refusal.code, "message": refusal.message, "count": count, **present(name=name, ref=command.ref)}
    to = command.to if isinstance(command, Relay | Refuse) else None
    dialect, room, peer, id_ = _refused_in(command, session)
    return Record("signal.refused", dialect, room, peer, to, command.connection, id_, command.kind, size, data)


def room_of_member(command: Refusable) -> RoomKey | None:
    """Return the room that a command of a peer in a room names. None if the command names no room, or is another kind
    of command."""
    match command:
        case Relay() | Leave() | Update() | UpdateRoom() | Trace():
            return command.room
        case Refuse():
            return command.sent_in
        case Join() | Enqueue():
            return None
        case _:
            assert_never(command)


def _refused_in(command: Refusable, session: Session | None) -> tuple[str | None, str | None, str | None, str | None]:
    """Return the dialect, the room, the peer and the session for the record of a refusal."""
    if isinstance(command, Enqueue):
        return command.dialect, None, command.peer, None
    if isinstance(command, Join | Refuse) and command.room is not None:
        return (*command.room, command.peer, None)
    if session is not None:
        return (*session.room.key, session.peer, session.id)
    room = room_of_member(command)
    return (None,) * 4 if room is None else (*room, None, None)


def numbered(effects: list[Effect], session: Session, c: int) -> list[Effect]:
    """Add `c`, the number of a client's frame, to the first record in `effects` about the client's session. If
    `effects` contains no such record, create one."""
    for index, effect in enumerate(effects):
        if isinstance(effect, Record) and effect.session == session.id:
            return [*effects[:index], msgspec.structs.replace(effect, c=c), *effects[index + 1 :]]
    return [msgspec.structs.replace(of_session("frame.handled", session), c=c), *effects]


def present(**fields: Any) -> dict[str, Any]:
    """Return the fields that are not None, so that the log contains only these."""
    return {name: value for name, value in fields.items() if value is not None}
