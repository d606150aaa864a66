"""`club`, a dialect for tests only. It uses the features of the dialect interface that no dialect of the product needs.

The server greets first. A client can be in three rooms at once, and enter or leave several of them with one frame. Each
frame of the client has an id, and its answer repeats it: `{"id": 7, "do": "enter", "rooms": ["bar", "den"]}`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from signaling_sidecar import errors
from signaling_sidecar.dialects import Caller, Dialect, FrameBudget, Introduction, Opening
from signaling_sidecar.dialects.frame import BadFrameError, Envelope, check, encode_json, reader, writer
from signaling_sidecar.dialects.kinds import kind_in
from signaling_sidecar.hub import commands, messages
from signaling_sidecar.hub.commands import Carried, Single
from signaling_sidecar.hub.rules import Ending, Endings, Entry, Host, Joining, RoomKey, RoomRules
from signaling_sidecar.names import refuse_id
from signaling_sidecar.settings import Settings

NAME = "club"
PATH = "/ws/signaling/club"
MAX_REF_BYTES = 128  # bytes of JSON; an answer does not repeat a longer "id", so that it stays small
GRACE_S = dict.fromkeys(Ending, 0.0) | {Ending.LOST: 10.0, Ending.STOPPED: 10.0}


class _Envelope(Envelope, gc=False):
    type: Any = msgspec.field(name="do", default=None)
    id: Raw = Raw()
    rooms: Any = None
    room: Any = None
    to: Any = None
    text: Any = None

    @property
    def ref(self) -> Raw | None:
        return self.id if 0 < len(bytes(self.id)) <= MAX_REF_BYTES else None


def open_(opening: Opening) -> Introduction:
    return Introduction(room=opening.query.get("enter"), peer=opening.query.get("name"))


def begin(caller: Caller, at_ms: int) -> Carried:
    """Greet the client, and let it enter the room that the URL names."""
    peer = caller.introduction.peer or caller.given_id
    greet = commands.Greet(caller.connection, peer)
    room = caller.introduction.room
    if room is None:
        return greet
    join = commands.Join(connection=caller.connection, room=RoomKey(NAME, room), at_ms=at_ms, peer=peer)
    return commands.Several(caller.connection, (greet, join))


def _read(envelope: _Envelope, frame: bytes, caller: Caller, at_ms: int) -> Carried:
    if envelope.kind not in _READERS:
        raise BadFrameError(errors.unknown_type(envelope.kind))
    return _READERS[envelope.kind](envelope, caller, at_ms)


def _enter(envelope: _Envelope, caller: Caller, at_ms: int) -> Carried:
    peer = caller.introduction.peer or caller.given_id

    def join(room: Any) -> Single:
        refusal = refuse_id("rooms", room)
        if refusal is not None:  # the client still enters the other rooms
            return commands.Refuse(connection=caller.connection, refusal=refusal, kind="enter", ref=envelope.ref)
        key = RoomKey(NAME, room)
        return commands.Join(connection=caller.connection, room=key, at_ms=at_ms, peer=peer, ref=envelope.ref)

    return commands.Several(caller.connection, tuple(map(join, _list(envelope.rooms))))


def _barge(envelope: _Envelope, caller: Caller, at_ms: int) -> Carried:
    """Enter rooms, and send a frame to the last of them."""
    enter = _enter(envelope, caller, at_ms)
    assert isinstance(enter, commands.Several)
    keys = _keys(envelope.rooms)
    says = tuple(
        commands.Relay(
            caller.connection, "say", None, None, encode_json({"said": envelope.text}), envelope.ref, room=key
        )
        for key in keys[-1:]
    )
    return commands.Several(caller.connection, (*enter.commands, *says))


def _leave(envelope: _Envelope, caller: Caller, at_ms: int) -> Carried:
    leaves: tuple[Single, ...] = tuple(
        commands.Leave(connection=caller.connection, room=key, ref=envelope.ref) for key in _keys(envelope.rooms)
    )
    return commands.Several(caller.connection, leaves)


def _say(envelope: _Envelope, caller: Caller, at_ms: int) -> Carried:
    if envelope.to is not None:
        check(refuse_id("to", envelope.to))
    (key,) = _keys([envelope.room])
    payload = encode_json({"said": envelope.text, "room": envelope.room})
    return commands.Relay(caller.connection, "say", envelope.to, None, payload, envelope.ref, room=key, confirms=True)


def _rename(envelope: _Envelope, caller: Caller, at_ms: int) -> Carried:
    (key,) = _keys([envelope.room])
    return commands.Update(
        kind="rename",
        connection=caller.connection,
        name=str(envelope.text),
        room=key,
        ref=envelope.ref,
        confirms=True,
    )


def _keys(rooms: Any) -> list[RoomKey]:
    for room in _list(rooms):
        check(refuse_id("rooms", room))
    return [RoomKey(NAME, room) for room in rooms]


def _list(rooms: Any) -> list[Any]:
    if not isinstance(rooms, list):
        raise BadFrameError(errors.bad_field("rooms", "a list of room ids"))
    return rooms


_READERS: dict[str, Callable[[_Envelope, Caller, int], Carried]] = {
    "enter": _enter,
    "barge": _barge,
    "leave": _leave,
    "say": _say,
    "rename": _rename,
    "rooms": lambda envelope, caller, at_ms: commands.ListRooms(caller.connection, NAME, envelope.ref),
    "ping": lambda envelope, caller, at_ms: commands.Ping(caller.connection, envelope.ref),
}


def _answer(ref: Any, **result: Any) -> bytes:
    return encode_json({**({} if ref is UNSET else {"id": ref}), "result": result})


def _event(event: str, **data: Any) -> bytes:
    return encode_json({"event": event, **data})


_ENCODERS: dict[type, Callable[[Any, int], bytes]] = {
    messages.Greeting: lambda greeting, at_ms: _event("hello", you=greeting.peer),
    messages.PeerList: lambda listed, at_ms: _answer(
        listed.ref,
        room=listed.room,
        peers=[view.peer for view in listed.peers],
        framesPerSecond=listed.limits.frames_per_s if listed.limits is not None else None,
    ),
    messages.Left: lambda left, at_ms: _answer(left.ref, left=left.room),
    messages.RoomsListed: lambda listed, at_ms: _answer(listed.ref, rooms=[room.room for room in listed.rooms]),
    messages.Pong: lambda pong, at_ms: _answer(pong.ref, pong=True),
    messages.Confirmed: lambda confirmed, at_ms: _answer(confirmed.ref, done=confirmed.kind),
    messages.Refused: lambda refused, at_ms: encode_json(
        {"id": None if refused.ref is UNSET else refused.ref, "error": refused.refusal.code, "room": refused.room}
    ),
    messages.PeerJoined: lambda joined, at_ms: _event("entered", room=joined.room, peer=joined.peer.peer),
    messages.PeerLeft: lambda left, at_ms: _event("left", room=left.room, peer=left.peer, why=left.reason),
    messages.PeerUpdated: lambda updated, at_ms: _event("renamed", room=updated.room, peer=updated.peer),
    messages.RoomLost: lambda lost, at_ms: _event("lost", room=lost.room, why=lost.reason),
    messages.RoomEnded: lambda ended, at_ms: _event("ended", room=ended.room),
    messages.Relayed: lambda relayed, at_ms: b'%b,"from":%b}' % (relayed.payload[:-1], encode_json(relayed.sender)),
}


def rules(settings: Settings) -> RoomRules:
    return RoomRules(
        joining=Joining(capacity=settings.max_peers_per_room, rooms_per_connection=3),
        endings=Endings(grace_s=GRACE_S),
        host=Host(enabled=True),
        entry=Entry(listed=True),
    )


CLUB = Dialect(
    name=NAME,
    purpose="what the tests need of the port",
    paths=(PATH,),
    kinds=frozenset(_READERS),
    kind_of=kind_in("do"),
    rules=rules,
    decode=reader(msgspec.json.Decoder(_Envelope), _read),
    encode=writer(_ENCODERS),
    open=open_,
    begin=begin,
    first_frames=frozenset(("enter",)),
    frame_budget=FrameBudget(times=2.0, per_room=True),
)
