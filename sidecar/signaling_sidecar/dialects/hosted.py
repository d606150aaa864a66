"""`hosted`, the protocol of a watch-together browser extension, whose rooms have a host and control modes.

While the extension waits for the answer to CREATE_ROOM or JOIN_ROOM, it treats any ERROR as that answer. When it
reconnects, it first sends the frames that it queued while it was disconnected, and only then JOIN_ROOM. So frames that
arrive before the join are dropped and recorded, but not answered with an ERROR.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, assert_never

import msgspec

from signaling_sidecar import errors
from signaling_sidecar.dialects.frame import BadFrameError, Envelope, check, encode_json, reader, writer
from signaling_sidecar.dialects.port import Caller, Closing, Dialect, Introduction, Opening, Rejection
from signaling_sidecar.errors import Code, Refusal
from signaling_sidecar.hub import commands, messages
from signaling_sidecar.hub.commands import Carried
from signaling_sidecar.hub.messages import LastWords
from signaling_sidecar.hub.rules import (
    Announcements,
    Challenged,
    Ending,
    Endings,
    Host,
    Joining,
    Reason,
    RoomKey,
    RoomRules,
    SecondJoin,
)
from signaling_sidecar.hub.views import PeerView, RoomState
from signaling_sidecar.names import refuse_id, refuse_name
from signaling_sidecar.settings import Settings

NAME = "hosted"
ROOM_ID = re.compile(r"[A-Za-z0-9_-]{6,50}")
MAX_ROOM_NAME_CHARS = 30
MAX_USER_NAME_CHARS = 20
SYSTEM = "system"  # the userId in notices from the server itself: USER_JOINED, USER_LEFT and USER_DISCONNECTED
_JOINS = frozenset(("CREATE_ROOM", "JOIN_ROOM"))
_RELAYED = frozenset(("WEBRTC_OFFER", "WEBRTC_ANSWER", "WEBRTC_ICE_CANDIDATE"))

# --- wire types: client to server ----------------------------------------------------------------------------------


class _Envelope(Envelope, gc=False):
    roomId: Any = None
    userId: Any = None
    userName: Any = None
    roomName: Any = None
    targetUserId: Any = None
    newRoomName: Any = None
    newUserName: Any = None
    mode: Any = None


# --- decode --------------------------------------------------------------------------------------------------------


def open_(opening: Opening) -> Introduction | Rejection:
    named = {room for room in (opening.path_room, opening.query.get("roomId")) if room}
    if not named:
        return Rejection(400, "Missing roomId parameter")
    if len(named) > 1:
        return Rejection(400, "Room ID mismatch")
    room = named.pop()
    return Introduction(room=room) if ROOM_ID.fullmatch(room) else Rejection(400, "Invalid roomId format")


def _read(envelope: _Envelope, frame: bytes, caller: Caller, at_ms: int) -> Carried:
    kind = envelope.kind
    if kind == "PING":
        return commands.Ping(caller.connection)
    if kind not in _READERS:
        raise BadFrameError(errors.unknown_type(envelope.kind))
    check(refuse_id("userId", envelope.userId))
    if not isinstance(envelope.roomId, str):
        raise BadFrameError(errors.bad_shape("'roomId' must be a string"))
    if envelope.roomId != caller.introduction.room:
        raise BadFrameError(errors.bad_field("roomId", "the room of this connection"))
    return _READERS[kind](envelope, frame, caller.connection, at_ms)


def _join(envelope: _Envelope, frame: bytes, connection: int, at_ms: int) -> Carried:
    return commands.Join(
        kind=envelope.kind,
        connection=connection,
        room=RoomKey(NAME, envelope.roomId),
        at_ms=at_ms,
        peer=envelope.userId,
        name=_optional_name("userName", envelope.userName),
        room_name=_optional_name("roomName", envelope.roomName),
        creates=envelope.kind == "CREATE_ROOM",
    )


def _relay(envelope: _Envelope, frame: bytes, connection: int, at_ms: int) -> Carried:
    check(refuse_id("targetUserId", envelope.targetUserId))
    return commands.Relay(connection, envelope.kind, envelope.targetUserId, envelope.userId, frame)


def _leave(envelope: _Envelope, frame: bytes, connection: int, at_ms: int) -> Carried:
    return commands.Leave(kind=envelope.kind, connection=connection, claimed_from=envelope.userId)


def _rename_room(envelope: _Envelope, frame: bytes, connection: int, at_ms: int) -> Carried:
    check(_refuse_new_name("newRoomName", envelope.newRoomName, MAX_ROOM_NAME_CHARS))
    return commands.UpdateRoom(
        kind=envelope.kind, connection=connection, name=envelope.newRoomName, claimed_from=envelope.userId
    )


def _rename_user(envelope: _Envelope, frame: bytes, connection: int, at_ms: int) -> Carried:
    check(_refuse_new_name("newUserName", envelope.newUserName, MAX_USER_NAME_CHARS))
    return commands.Update(
        kind=envelope.kind, connection=connection, name=envelope.newUserName, claimed_from=envelope.userId
    )


def _change_mode(envelope: _Envelope, frame: bytes, connection: int, at_ms: int) -> Carried:
    if not isinstance(envelope.mode, str):
        raise BadFrameError(errors.bad_field("mode", "a control mode"))
    return commands.UpdateRoom(
        kind=envelope.kind, connection=connection, mode=envelope.mode, claimed_from=envelope.userId
    )


_READERS: dict[str, Callable[[_Envelope, bytes, int, int], Carried]] = {
    **dict.fromkeys(_JOINS, _join),
    **dict.fromkeys(_RELAYED, _relay),
    "LEAVE_ROOM": _leave,
    "RENAME_ROOM": _rename_room,
    "RENAME_USER": _rename_user,
    "CONTROL_MODE_CHANGE": _change_mode,
}


def _optional_name(field: str, name: Any) -> str | None:
    if name is None or name == "":
        return None
    check(refuse_name(field, name))
    return str(name)


def _refuse_new_name(field: str, name: Any, max_chars: int) -> Refusal | None:
    if isinstance(name, str) and name.strip() and len(name) <= max_chars:
        return refuse_name(field, name)
    return errors.bad_field(field, f"1 to {max_chars} characters")


# --- wire types: server to client ----------------------------------------------------------------------------------


class _User(msgspec.Struct):
    id: str
    name: str
    isHost: bool
    isConnected: bool
    joinedAt: int


class _VideoState(msgspec.Struct, kw_only=True):
    """The state of the room's video in each notice. This is always the state of a stopped video, because the sidecar
    does not track what the peers play."""

    isPlaying: bool = False
    currentTime: int = 0
    duration: int = 0
    playbackRate: int = 1
    url: str = ""
    lastUpdated: int


class _RoomState(msgspec.Struct, kw_only=True):
    id: str
    name: str
    hostId: str | None
    users: list[_User]
    controlMode: str | None
    followMode: str = "AUTO_FOLLOW"
    videoState: _VideoState
    hostVideoState: None = None
    hostCurrentUrl: None = None
    createdAt: int
    lastActivity: int


class _Notice(msgspec.Struct, omit_defaults=True, kw_only=True):
    type: str
    roomId: str
    userId: str
    timestamp: int
    joinedUser: _User | None = None
    leftUserId: str | None = None
    newHostId: str | None = None
    newRoomName: str | None = None
    newUserName: str | None = None
    controlMode: str | None = None
    roomState: _RoomState


class _Error(msgspec.Struct, tag_field="type", tag="ERROR"):
    error: str
    details: str
    code: str
    timestamp: int


class _Pong(msgspec.Struct, tag_field="type", tag="PONG"):
    timestamp: int


# --- encode --------------------------------------------------------------------------------------------------------


def _notice(type_: str, user: str, state: RoomState | None, at_ms: int, **more: Any) -> bytes:
    assert state is not None  # the rules have `tells_state`
    room_state = _room_state(state, at_ms)
    return encode_json(
        _Notice(type=type_, roomId=state.room, userId=user, timestamp=at_ms, roomState=room_state, **more)
    )


def _user(view: PeerView, host: str | None) -> _User:
    return _User(view.peer, view.name or view.peer, view.peer == host, not view.away, view.joined_at_ms)


def _room_state(state: RoomState, at_ms: int) -> _RoomState:
    return _RoomState(
        id=state.room,
        name=state.name or state.room,
        hostId=state.host,
        users=[_user(view, state.host) for view in state.peers],
        controlMode=state.mode,
        videoState=_VideoState(lastUpdated=state.created_at_ms),
        createdAt=state.created_at_ms,
        lastActivity=at_ms - round(state.idle_s * 1000),
    )


def _entered(listed: messages.PeerList, at_ms: int) -> bytes:
    return _notice("ROOM_CREATED" if listed.kind == "CREATE_ROOM" else "ROOM_JOINED", listed.peer, listed.state, at_ms)


def _joined(joined: messages.PeerJoined, at_ms: int) -> bytes:
    host = joined.state.host if joined.state is not None else None
    return _notice("USER_JOINED", SYSTEM, joined.state, at_ms, joinedUser=_user(joined.peer, host))


def _left(left: messages.PeerLeft, at_ms: int) -> bytes:
    type_ = "USER_LEFT" if left.reason is Reason.LEFT else "USER_DISCONNECTED"
    return _notice(type_, SYSTEM, left.state, at_ms, leftUserId=left.peer, newHostId=left.new_host)


def _renamed(updated: messages.PeerUpdated, at_ms: int) -> bytes:
    return _notice("USER_RENAMED", updated.peer, updated.state, at_ms, newUserName=updated.name)


def _room_updated(updated: messages.RoomUpdated, at_ms: int) -> bytes:
    if updated.name is not None:
        return _notice("ROOM_RENAMED", updated.peer, updated.state, at_ms, newRoomName=updated.name)
    return _notice("CONTROL_MODE_CHANGED", updated.peer, updated.state, at_ms, controlMode=updated.mode)


_NOT_FOUND = "Room not found"
_MISMATCH = "Room ID mismatch"
_CONNECTED = "User already in room"
_ENDS = {_NOT_FOUND: 4004, _MISMATCH: 4001, _CONNECTED: 4002}
"""The error texts after which the connection is closed, with the close code of each."""


def _refused(refused: messages.Refused, at_ms: int) -> bytes | None:
    text = _error_text(refused)
    return None if text is None else _error(text, refused.refusal, at_ms)


def _error(text: str, refusal: Refusal, at_ms: int) -> bytes:
    return encode_json(_Error(text, refusal.message, refusal.code, at_ms))


def _error_text(refused: messages.Refused) -> str | None:
    """Return the error text, which the real client compares or shows. Return None if no error must be sent."""
    if not refused.joined and refused.kind not in _JOINS:
        return None
    match refused.kind, refused.refusal.code, refused.refusal.field:
        case _, Code.NO_SUCH_ROOM, _:
            return _NOT_FOUND
        case _, Code.BAD_FIELD, "roomId":
            return _MISMATCH
        case _, Code.ID_TAKEN, "peer":
            return _CONNECTED
        case _, Code.ID_TAKEN, "room":
            return "Room already exists"
        case _, Code.NO_SUCH_PEER | Code.PEER_AWAY, _:
            return "Target user not found"
        case _, Code.UNKNOWN_TYPE, _:
            return "Unknown message type"
        case "RENAME_ROOM", Code.UNAUTHORISED, _:
            return "Only host can rename room"
        case _, _, "newRoomName":
            return "Invalid room name"
        case "RENAME_USER", Code.FORGED_FROM, _:
            return "Can only rename yourself"
        case _, _, "newUserName":
            return "Invalid user name"
    return "Message processing failed"


def closing(message: LastWords) -> Closing | None:
    match message:
        case messages.Left():
            return Closing(1000, "User left room")
        case messages.RoomEnded():
            return Closing(_ENDS[_NOT_FOUND], _NOT_FOUND)
        case messages.Refused():
            text = _error_text(message)
            return Closing(_ENDS[text], text) if text in _ENDS else None
        case _:
            assert_never(message)


def _ended(ended: messages.RoomEnded, at_ms: int) -> bytes:
    return _error(_NOT_FOUND, errors.room_closed() if ended.by_admin else errors.room_idle(), at_ms)


_ENCODERS: dict[type, Callable[[Any, int], bytes | None]] = {
    messages.PeerList: _entered,
    messages.PeerJoined: _joined,
    messages.PeerLeft: _left,
    messages.PeerUpdated: _renamed,
    messages.RoomUpdated: _room_updated,
    messages.Relayed: lambda relayed, at_ms: relayed.payload,
    messages.Pong: lambda pong, at_ms: encode_json(_Pong(at_ms)),
    messages.Refused: _refused,
    messages.RoomEnded: _ended,
}

# --- rules ---------------------------------------------------------------------------------------------------------


def rules(settings: Settings) -> RoomRules:
    return RoomRules(
        joining=Joining(
            capacity=settings.max_peers_per_room, second_join=SecondJoin.FORGED, challenged=Challenged.THE_ID
        ),
        endings=Endings(
            grace_s=dict.fromkeys(Ending, settings.grace_s),
            own_grace=frozenset(Ending),
            idle_s=settings.hosted_idle_s or None,
        ),
        host=Host(enabled=True, modes=("HOST_ONLY", "FREE_FOR_ALL")),
        announcements=Announcements(announces_returns=True, tells_state=True, echoes_updates=True),
    )


HOSTED = Dialect(
    name=NAME,
    purpose="rooms with a host and control modes",
    paths=("/ws/signaling/hosted", "/ws/signaling/hosted/{room}"),
    kinds=frozenset(_READERS) | {"PING"},
    rules=rules,
    decode=reader(msgspec.json.Decoder(_Envelope), _read),
    encode=writer(_ENCODERS),
    open=open_,
    closing=closing,
    cross_origin=True,
    query="roomId",
    query_chooses=True,
)
