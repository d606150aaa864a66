"""`rooms`, the protocol of our own browser client. It extends the protocol of an app for virtual bars.

The client of that app knows the frames `join`, `leave`, `peer_list`, `peer_joined` and `peer_left`. It ignores other
frames, and fields that it does not know. All frames are described in PROTOCOLS.md, "`rooms`".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from signaling_sidecar import errors
from signaling_sidecar.dialects.frame import BadFrameError, Envelope, check, encode_json, reader, writer
from signaling_sidecar.dialects.port import Answer, Asked, Caller, Dialect, Route, View
from signaling_sidecar.errors import NOT_JSON
from signaling_sidecar.hub import commands, effects, messages, views
from signaling_sidecar.hub.commands import Carried, Command
from signaling_sidecar.hub.rules import Announcements, Ending, Endings, Entry, Joining, RoomKey, RoomRules
from signaling_sidecar.hub.views import PeerView
from signaling_sidecar.names import refuse_id, refuse_name
from signaling_sidecar.settings import Settings

NAME = "rooms"
PATH = "/ws/signaling"
MAX_METADATA_BYTES = 4096  # bytes of JSON text; small, because each list of peers contains the metadata of all peers
MAX_TOKEN_CHARS = 256  # characters; the resume tokens that the sidecar issues have 43
MAX_CREDENTIAL_CHARS = 8192  # characters of an access token; web servers accept headers of 8 KiB
MAX_REF_BYTES = 128  # bytes of JSON text; an answer does not repeat a longer "id", so answers remain small
UNLOADED_GRACE_S = 5.0  # seconds; a reloaded page returns sooner, and a left page should not be shown longer
AWAY_NOTICE_S = 1.0  # seconds; PROTOCOLS.md, "Rule 9"
REPLACEMENTS = 3  # how many times newer connections may replace a peer's connection; PROTOCOLS.md, "Rule 2"
REPLACEMENT_WINDOW_S = 20.0  # seconds; two clients with the same id that reconnect after 2 s exceed `REPLACEMENTS`

# --- wire types: client to server ----------------------------------------------------------------------------------


_Number = Annotated[int, msgspec.Meta(ge=0)]


class _Envelope(Envelope, gc=False, kw_only=True):
    """The fields that are read from every frame. The fields after `to` are removed from a frame before it is relayed.

    `to`, `a` and `c` may have any type, because the sidecar ignores them in some frames: `to` in a broadcast, and `a`
    and `c` in a join and in a session that is not resumable.
    """

    type: str
    id: Raw | UnsetType = UNSET
    to: Any = None
    from_: str | UnsetType | None = msgspec.field(name="from", default=UNSET)
    s: Raw | UnsetType = UNSET
    a: Any = UNSET
    c: Any = UNSET
    ca: Raw | UnsetType = UNSET
    resume: Raw | UnsetType = UNSET

    @property
    def ref(self) -> Raw | None:
        if self.id is UNSET:
            return None
        text = bytes(self.id)
        return Raw(text) if 0 < len(text) <= MAX_REF_BYTES else None

    def numbered(self, command: Carried, connection: int) -> Command:
        if (self.a is UNSET and self.c is UNSET) or self.type == "join":
            return command
        a, c = _number(self.a), _number(self.c)
        refusal = None
        if (a is None and self.a is not UNSET) or (c is None and self.c is not UNSET):
            refusal = errors.bad_shape("`a` and `c` are whole numbers from 0 on")
        return commands.Numbered(connection, command, a, c, refusal)


def _number(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _outlined(fields: Mapping[bytes, bytes]) -> _Envelope | None:
    """Create the envelope of a frame that could not be decoded, from the fields that `outline` has found in it.

    The answer must repeat the frame's number `c`, because otherwise the client would send the frame again for ever.
    """

    def value(name: bytes, type_: Any) -> Any:
        try:
            return msgspec.json.decode(fields.get(name, b""), type=type_)
        except NOT_JSON:  # the field is absent or invalid
            return UNSET

    if not fields:
        return None
    numbers = {"a": value(b'"a"', _Number), "c": value(b'"c"', _Number)}
    return _Envelope(type=value(b'"type"', str), id=value(b'"id"', Raw), **numbers)


class _Profile(msgspec.Struct):
    name: str | None = None
    metadata: dict[str, Raw] | None = None


class _Resume(msgspec.Struct):
    token: Annotated[str, msgspec.Meta(max_length=MAX_TOKEN_CHARS)]
    after: _Number | None = None


class _Join(_Profile, kw_only=True):
    roomId: str
    peerId: str | None = None
    instance: str | None = None
    capacity: Annotated[int, msgspec.Meta(ge=1)] | None = None
    listed: bool | None = None
    resume: bool | _Resume = False
    token: Annotated[str, msgspec.Meta(max_length=MAX_CREDENTIAL_CHARS)] | None = None


class _Leave(msgspec.Struct):
    roomId: str | None = None
    peerId: str | None = None


class _WithToken(msgspec.Struct):
    token: Any = None


# --- decode --------------------------------------------------------------------------------------------------------

_RESERVED = frozenset(("from", "s", "a", "c", "ca", "resume"))
_TARGETED = frozenset(("offer", "answer", "candidate", "signal"))
_fields = msgspec.json.Decoder(dict[str, Raw])


def _read(envelope: _Envelope, frame: bytes, caller: Caller, at_ms: int) -> Carried:
    kind, ref = envelope.type, envelope.ref
    if kind in _TARGETED or kind == "broadcast":
        return _relay(frame, envelope, caller.connection, ref)
    if kind not in _OTHERS:
        raise BadFrameError(errors.unknown_type(kind))
    command = _OTHERS[kind](frame, caller.connection, at_ms, ref)
    claimed = envelope.from_
    if isinstance(command, commands.Leave | commands.Update | commands.Trace) and isinstance(claimed, str):
        if command.claimed_from not in (None, claimed):
            raise BadFrameError(errors.bad_field("from", "the same as `peerId`, or absent"))
        return msgspec.structs.replace(command, claimed_from=claimed)
    return command


def _relay(frame: bytes, envelope: _Envelope, connection: int, ref: Raw | None) -> commands.Relay:
    to = envelope.to
    if envelope.type == "broadcast":
        to = None
    elif not isinstance(to, str):
        raise BadFrameError(errors.bad_field("to", "the peer id of the receiver"))
    claimed = envelope.from_
    untouched = (
        claimed is UNSET
        and envelope.s is UNSET
        and envelope.a is UNSET
        and envelope.c is UNSET
        and envelope.ca is UNSET
        and envelope.resume is UNSET
    )
    payload = frame.rstrip() if untouched else _without_reserved(frame)
    return commands.Relay(connection, envelope.type, to, None if claimed is UNSET else claimed, payload, ref)


def _without_reserved(frame: bytes) -> bytes:
    return encode_json({name: value for name, value in _fields.decode(frame).items() if name not in _RESERVED})


def _check_profile(profile: _Profile) -> Raw | None:
    """Check the name and the metadata. Returns the metadata as JSON text."""
    if profile.name is not None:
        check(refuse_name("name", profile.name))
    if profile.metadata is None:
        return None
    text = encode_json(profile.metadata)
    if len(text) > MAX_METADATA_BYTES:
        raise BadFrameError(errors.too_large("metadata", len(text), MAX_METADATA_BYTES))
    return Raw(text)


_join_fields = msgspec.json.Decoder(_Join)
_leave_fields = msgspec.json.Decoder(_Leave)
_update_fields = msgspec.json.Decoder(_Profile)
_token_field = msgspec.json.Decoder(_WithToken)


def _join(frame: bytes, connection: int, at_ms: int, ref: Raw | None) -> Carried:
    join = _join_fields.decode(frame)
    check(
        refuse_id("roomId", join.roomId),
        refuse_id("peerId", join.peerId) if join.peerId is not None else None,
        refuse_id("instance", join.instance) if join.instance else None,
    )
    return commands.Join(
        connection=connection,
        room=RoomKey(NAME, join.roomId),
        at_ms=at_ms,
        peer=join.peerId,
        name=join.name,
        metadata=_check_profile(join),
        instance=join.instance or None,
        capacity=join.capacity,
        listed=join.listed,
        resumable=join.resume is not False,
        token=join.resume.token if isinstance(join.resume, _Resume) else None,
        after=join.resume.after if isinstance(join.resume, _Resume) else None,
        credential=join.token,
        ref=ref,
    )


def _leave(frame: bytes, connection: int, at_ms: int, ref: Raw | None) -> Carried:
    leave = _leave_fields.decode(frame)
    room = None if leave.roomId is None else RoomKey(NAME, leave.roomId)
    return commands.Leave(connection=connection, room=room, claimed_from=leave.peerId, ref=ref)


def _update(frame: bytes, connection: int, at_ms: int, ref: Raw | None) -> Carried:
    profile = _update_fields.decode(frame)
    metadata = _check_profile(profile)
    return commands.Update(connection=connection, name=profile.name, metadata=metadata, ref=ref)


def _trace(frame: bytes, connection: int, at_ms: int, ref: Raw | None) -> Carried:
    return commands.Trace(connection=connection, dialect=NAME, payload=frame, ref=ref)


def _token(frame: bytes) -> str | None:
    token = _token_field.decode(frame).token
    return token if isinstance(token, str) and len(token) <= MAX_CREDENTIAL_CHARS else None


_OTHERS: dict[str, Callable[[bytes, int, int, Raw | None], Carried]] = {
    "join": _join,
    "leave": _leave,
    "update": _update,
    "trace": _trace,
    "list_rooms": lambda frame, connection, at_ms, ref: commands.ListRooms(
        connection, NAME, ref, credential=_token(frame)
    ),
    "watch_rooms": lambda frame, connection, at_ms, ref: commands.WatchRooms(
        connection, NAME, ref, credential=_token(frame)
    ),
    "unwatch_rooms": lambda frame, connection, at_ms, ref: commands.UnwatchRooms(connection),
    "ack": lambda frame, connection, at_ms, ref: commands.Acknowledge(connection),
    "ping": lambda frame, connection, at_ms, ref: commands.Ping(connection),
}

# --- wire types: server to client ----------------------------------------------------------------------------------


class _Peer(msgspec.Struct, omit_defaults=True, gc=False):
    peerId: str
    joinedAt: int
    name: str | None = None
    metadata: Raw | UnsetType = UNSET
    instance: str | None = None
    away: bool = False


class _Room(msgspec.Struct, omit_defaults=True, gc=False):
    roomId: str
    peers: int
    createdAt: int
    capacity: int | None = None


class _Ticket(msgspec.Struct):
    token: str
    graceMs: int
    durable: bool


class _Limits(msgspec.Struct):
    frameBytes: int
    framesPerSecond: int
    burst: int
    keptBytes: int


class _PeerList(msgspec.Struct, tag_field="type", tag="peer_list", omit_defaults=True):
    peers: list[_Peer]
    roomId: str
    peerId: str
    joinedAt: int
    resume: _Ticket | None = None
    ca: int | None = None
    s: int | None = None
    iceServers: Raw | UnsetType = UNSET
    limits: _Limits | None = None


class _Resumed(msgspec.Struct, tag_field="type", tag="resumed"):
    roomId: str
    peerId: str
    ca: int
    resume: _Ticket | None


class _NotResumed(msgspec.Struct, tag_field="type", tag="not_resumed"):
    why: str


class _Ack(msgspec.Struct, tag_field="type", tag="ack"):
    ca: int


class _Durable(msgspec.Struct, tag_field="type", tag="durable"):
    durable: bool


class _PeerJoined(_Peer, tag_field="type", tag="peer_joined", omit_defaults=True, gc=False):
    pass


class _PeerLeft(msgspec.Struct, tag_field="type", tag="peer_left", gc=False):
    peerId: str
    reason: str


class _PeerUpdated(msgspec.Struct, tag_field="type", tag="peer_updated", omit_defaults=True, gc=False):
    peerId: str
    away: bool | None = None
    name: str | None = None
    metadata: Raw | UnsetType = UNSET
    instance: str | None = None


class _Notice(msgspec.Struct, frozen=True, tag_field="type", tag="notice"):
    text: str


class _RoomList(msgspec.Struct):
    rooms: list[_Room]


class _Rooms(_RoomList, tag_field="type", tag="rooms"):
    pass


class _Error(msgspec.Struct, tag_field="type", tag="error", omit_defaults=True):
    code: str
    message: str
    ref: Raw | UnsetType = UNSET
    c: int | None = None
    ca: int | None = None


# --- encode --------------------------------------------------------------------------------------------------------


def _relayed(message: messages.Relayed, at_ms: int) -> bytes:
    """Append the field `from` to the bytes of the sender's frame, so that the frame need not be decoded and encoded
    again."""
    return b'%b,"from":%b}' % (message.payload[:-1], encode_json(message.sender))


def _peer(view: PeerView) -> _Peer:
    return _Peer(view.peer, view.joined_at_ms, view.name, view.metadata, view.instance, view.away)


def _peer_list(message: messages.PeerList, at_ms: int) -> bytes:
    peers = [_peer(view) for view in message.peers]
    ticket = _ticket(message.ticket)
    return encode_json(
        _PeerList(
            peers,
            message.room,
            message.peer,
            message.joined_at_ms,
            ticket,
            message.handled,
            message.sent,
            message.ice_servers,
            _limits(message.limits),
        )
    )


def _limits(limits: views.Limits | None) -> _Limits | None:
    if limits is None:
        return None
    return _Limits(limits.frame_bytes, limits.frames_per_s, limits.burst, limits.kept_bytes)


def _ticket(ticket: views.Ticket | None) -> _Ticket | None:
    return None if ticket is None else _Ticket(ticket.token, round(ticket.grace_s * 1000), ticket.durable)


def _resumed(message: messages.Resumed, at_ms: int) -> bytes:
    return encode_json(_Resumed(message.room, message.peer, message.handled, _ticket(message.ticket)))


def _error(refused: messages.Refused, at_ms: int) -> bytes:
    code, message = refused.refusal.code, refused.refusal.message
    return encode_json(_Error(code, message, refused.ref, refused.c, refused.handled))


def mark(text: bytes, mark: effects.Mark) -> bytes:
    handled = b"" if mark.handled is None else b',"ca":%d' % mark.handled
    return b'%b,"s":%d%b}' % (text[:-1], mark.s, handled)


def _peer_joined(message: messages.PeerJoined, at_ms: int) -> bytes:
    view = message.peer
    return encode_json(_PeerJoined(view.peer, view.joined_at_ms, view.name, view.metadata, view.instance))


def _peer_updated(message: messages.PeerUpdated, at_ms: int) -> bytes:
    return encode_json(_PeerUpdated(message.peer, message.away, message.name, message.metadata, message.instance))


def _room_list(message: messages.RoomsListed) -> list[_Room]:
    return [_Room(room.room, room.peers, room.created_at_ms, room.capacity) for room in message.rooms]


def _answer_room_list(asked: Asked, view: View) -> Answer:
    """Answer `GET /ws/signaling/rooms` with the same list as in a `rooms` frame."""
    return Answer(encode_json(_RoomList(_room_list(view.listed_rooms()))))


_ENCODERS: dict[type, Callable[[Any, int], bytes]] = {
    messages.Relayed: _relayed,
    messages.PeerList: _peer_list,
    messages.PeerJoined: _peer_joined,
    messages.PeerLeft: lambda left, at_ms: encode_json(_PeerLeft(left.peer, left.reason)),
    messages.PeerUpdated: _peer_updated,
    messages.RoomsListed: lambda listed, at_ms: encode_json(_Rooms(_room_list(listed))),
    messages.Pong: lambda pong, at_ms: b'{"type":"pong"}',
    messages.Resumed: _resumed,
    messages.NotResumed: lambda no, at_ms: encode_json(_NotResumed(no.why)),
    messages.Ack: lambda ack, at_ms: encode_json(_Ack(ack.handled)),
    messages.Durability: lambda told, at_ms: encode_json(_Durable(told.durable)),
    messages.Notice: lambda notice, at_ms: encode_json(_Notice(notice.text)),
    messages.Refused: _error,
}

# --- rules ---------------------------------------------------------------------------------------------------------


def rules(settings: Settings) -> RoomRules:
    resumable_grace_s = dict.fromkeys(Ending, settings.grace_s) | {Ending.UNLOADED: UNLOADED_GRACE_S}
    return RoomRules(
        joining=Joining(
            capacity=settings.max_peers_per_room,
            replacements=REPLACEMENTS,
            replacement_window_s=REPLACEMENT_WINDOW_S,
        ),
        endings=Endings(
            grace_s=resumable_grace_s | {Ending.CLOSED: 0.0},
            resumable_grace_s=resumable_grace_s,
            durable=settings.payloads == "full",
            away_notice_s=AWAY_NOTICE_S,
        ),
        announcements=Announcements(takes_notices=True),
        entry=Entry(listed=True),
    )


ROOMS = Dialect(
    name=NAME,
    purpose="rooms and peer lists, relays, a lobby; the protocol of this project's browser client",
    paths=(PATH,),
    kinds=_TARGETED | {"broadcast"} | frozenset(_OTHERS),
    rules=rules,
    decode=reader(msgspec.json.Decoder(_Envelope), _read, _outlined),
    encode=writer(_ENCODERS),
    mark=mark,
    tokens_in_frames=True,
    routes=(Route("GET", f"{PATH}/rooms", _answer_room_list),),
)
