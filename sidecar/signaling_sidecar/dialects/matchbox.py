"""`matchbox`, the protocol of the Rust crates matchbox_socket 0.14 and matchbox_server.

The URL names the room, and the server sends the first frame, which gives the client its peer id. Peers that are in a
room send an offer to each newcomer. With `?next=3`, peers form groups of three, in the order of their arrival. A client
stops with an error if it receives an unknown frame or a second peer id, so the sidecar sends it neither.

The frames are the JSON text into which serde converts the enums of the crate matchbox_protocol. Groups
are formed as by matchbox_server (`src/topology.rs` and `src/state.rs` in https://github.com/johanhelsing/matchbox).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from signaling_sidecar import errors
from signaling_sidecar.dialects.frame import TAGGED, BadFrameError, Tagged, encode_json, reader, writer
from signaling_sidecar.dialects.kinds import kind_tag
from signaling_sidecar.dialects.port import Caller, Closing, Dialect, Introduction, Opening, Rejection
from signaling_sidecar.hub import commands, messages
from signaling_sidecar.hub.commands import Carried
from signaling_sidecar.hub.messages import CloseCode, LastWords
from signaling_sidecar.hub.rules import Announcements, Ending, Endings, Joining, Relays, RoomKey, RoomRules
from signaling_sidecar.names import refuse_id
from signaling_sidecar.settings import Settings

NAME = "matchbox"
DEFAULT_ROOM = "matchbox"
NEXT = "?next="
_AS_IN_URLS = str.maketrans({"%": "%25", "?": "%3F", "#": "%23"})
"""These characters of a room id are percent-encoded in the name of its room, so that no room has the name of a group.
The groups of the room `duel` have the names `duel?next=2`, `duel?next=2#2` and so on."""

# --- wire types: client to server ----------------------------------------------------------------------------------


class _Signal(msgspec.Struct, gc=False):
    receiver: str
    data: msgspec.Raw


_SIGNALS = msgspec.json.Decoder(_Signal)

# --- decode --------------------------------------------------------------------------------------------------------


def open_(opening: Opening) -> Introduction | Rejection:
    room = opening.path_room or DEFAULT_ROOM
    refusal = refuse_id("room", room)
    if refusal is not None:
        return Rejection(400, f"{refusal.message}\n")
    size = _group_size(opening.query.get("next", ""))
    return Introduction(room=room.translate(_AS_IN_URLS) + (f"{NEXT}{size}" if size else ""))


def _group_size(text: str) -> int:
    """Return the number of peers in a group, given the value of `next`. Returns 0, for a room without groups, if the
    value is empty or not a number."""
    digits = text.removeprefix("+")  # Rust accepts a plus sign before a number
    if not (digits.isascii() and digits.isdigit()):
        return 0
    return int(digits.lstrip("0")[:9] or 0)  # nine digits exceed every limit; more would be slow to parse


def begin(caller: Caller, at_ms: int) -> Carried:
    room = caller.introduction.room or DEFAULT_ROOM
    _, is_grouped, size = room.rpartition(NEXT)
    return commands.Join(
        connection=caller.connection,
        room=RoomKey(NAME, room),
        at_ms=at_ms,
        peer=caller.given_id,
        capacity=int(size) if is_grouped else None,
        group=0 if is_grouped else None,
    )


def _read(envelope: Tagged, frame: bytes, caller: Caller, at_ms: int) -> Carried:
    match envelope.kind:
        case "Signal":
            signal = _SIGNALS.decode(envelope.content)
            payload = b'{"Signal":{"sender":%b,"data":%b}}' % (encode_json(caller.given_id), bytes(signal.data))
            return commands.Relay(caller.connection, "Signal", signal.receiver, None, payload)
        case "KeepAlive":
            return commands.Ping(caller.connection)
    raise BadFrameError(errors.unknown_type(envelope.kind))


# --- encode --------------------------------------------------------------------------------------------------------


def _event(name: str, peer: str) -> bytes:
    return encode_json({name: peer})


_ENCODERS: dict[type, Callable[[Any, int], bytes]] = {
    messages.PeerList: lambda listed, at_ms: _event("IdAssigned", listed.peer),
    messages.PeerJoined: lambda joined, at_ms: _event("NewPeer", joined.peer.peer),
    messages.PeerLeft: lambda left, at_ms: _event("PeerLeft", left.peer),
    messages.Relayed: lambda relayed, at_ms: relayed.payload,
}


def closing(message: LastWords) -> Closing | None:
    """Close a connection that could not enter its room, because the protocol has no frame for an error."""
    if isinstance(message, messages.Refused) and not message.joined:
        return Closing(CloseCode.REFUSED, message.refusal.code)
    return None


# --- rules ---------------------------------------------------------------------------------------------------------


# A session ends with its connection. No peer could return to a kept session, because each connection gets a new peer
# id. In a group, a kept session would occupy the place of a newcomer.
_GRACE_S = dict.fromkeys(Ending, 0.0)


def rules(settings: Settings) -> RoomRules:
    return RoomRules(
        joining=Joining(capacity=settings.max_peers_per_room),
        endings=Endings(grace_s=_GRACE_S, own_grace=frozenset()),
        # If a token names the peer id, a newer connection replaces the older one with this id. It has no
        # RTCPeerConnection yet, and waits for the offers of the others, who send one to each peer that is announced.
        announcements=Announcements(announces_returns=True),
        relays=Relays(to_oneself=True),
    )


MATCHBOX = Dialect(
    name=NAME,
    purpose="games and apps that use the Rust crate matchbox_socket",
    line='WebRtcSocket::new_reliable("$origin/ws/signaling/matchbox/lobby?next=2")',
    paths=("/ws/signaling/matchbox/{room}", "/ws/signaling/matchbox", "/ws/signaling/matchbox/"),
    kinds=frozenset(("Signal", "KeepAlive")),
    kind_of=kind_tag(),
    rules=rules,
    decode=reader(TAGGED, _read),
    encode=writer(_ENCODERS),
    open=open_,
    begin=begin,
    closing=closing,
)
