"""`mesh`, the protocol of a multi-peer sample in which a newcomer sends an offer to each peer that is in the room.

Frames are relayed byte for byte. The protocol has no frame for an error: a refused frame is dropped and recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from signaling_sidecar import errors
from signaling_sidecar.dialects.frame import BadFrameError, Envelope, check, encode_json, reader, writer
from signaling_sidecar.dialects.port import Caller, Closing, Dialect, Introduction, Opening, Rejection
from signaling_sidecar.hub import commands, messages
from signaling_sidecar.hub.commands import Carried
from signaling_sidecar.hub.messages import CloseCode, LastWords
from signaling_sidecar.hub.rules import Joining, Relays, RoomKey, RoomRules, SecondJoin
from signaling_sidecar.names import refuse_id
from signaling_sidecar.settings import Settings

NAME = "mesh"
DEFAULT_ROOM = "mesh"
_SERVERS_OWN = frozenset(("peer-list", "peer-joined", "peer-left"))

# --- wire types: client to server ----------------------------------------------------------------------------------


class _Envelope(Envelope, gc=False):
    to: Any = None
    from_: Any = msgspec.field(name="from", default=None)
    peerId: Any = None


# --- decode --------------------------------------------------------------------------------------------------------


def open_(opening: Opening) -> Introduction | Rejection:
    room = opening.query.get("room", DEFAULT_ROOM)
    refusal = refuse_id("room", room)
    return Introduction(room=room) if refusal is None else Rejection(400, f"{refusal.message}\n")


def _read(envelope: _Envelope, frame: bytes, caller: Caller, at_ms: int) -> Carried:
    if envelope.kind == "join":
        check(refuse_id("peerId", envelope.peerId))
        room = caller.introduction.room or DEFAULT_ROOM
        return commands.Join(connection=caller.connection, room=RoomKey(NAME, room), at_ms=at_ms, peer=envelope.peerId)
    if envelope.kind in _SERVERS_OWN:
        raise BadFrameError(errors.unknown_type(envelope.kind))
    for field, value in (("to", envelope.to), ("from", envelope.from_)):
        if not isinstance(value, str | None):
            raise BadFrameError(errors.bad_field(field, "a peer id, or absent"))
    return commands.Relay(caller.connection, envelope.kind, envelope.to or None, envelope.from_, frame)


# --- encode --------------------------------------------------------------------------------------------------------


class _PeerList(msgspec.Struct, tag_field="type", tag="peer-list"):
    peers: list[str]


class _PeerJoined(msgspec.Struct, tag_field="type", tag="peer-joined"):
    peerId: str


class _PeerLeft(msgspec.Struct, tag_field="type", tag="peer-left"):
    peerId: str


_ENCODERS: dict[type, Callable[[Any, int], bytes]] = {
    messages.PeerList: lambda listed, at_ms: encode_json(_PeerList([view.peer for view in listed.peers])),
    messages.PeerJoined: lambda joined, at_ms: encode_json(_PeerJoined(joined.peer.peer)),
    messages.PeerLeft: lambda left, at_ms: encode_json(_PeerLeft(left.peer)),
    messages.Relayed: lambda relayed, at_ms: relayed.payload,
}


def closing(message: LastWords) -> Closing | None:
    """Close a connection whose first frame is not a valid join."""
    if isinstance(message, messages.Refused) and not message.joined:
        return Closing(CloseCode.REFUSED, message.refusal.code)
    return None


# --- rules ---------------------------------------------------------------------------------------------------------


def rules(settings: Settings) -> RoomRules:
    return RoomRules(
        joining=Joining(capacity=settings.max_peers_per_room, second_join=SecondJoin.IGNORED),
        relays=Relays(to_oneself=True),
    )


MESH = Dialect(
    name=NAME,
    purpose="a full mesh: the newcomer offers to everybody, frames are relayed byte for byte",
    paths=("/ws/signaling/mesh",),
    kinds=frozenset(("join", "offer", "answer", "candidate")),
    rules=rules,
    decode=reader(msgspec.json.Decoder(_Envelope), _read),
    encode=writer(_ENCODERS),
    open=open_,
    closing=closing,
    first_frames=frozenset(("join",)),
)
