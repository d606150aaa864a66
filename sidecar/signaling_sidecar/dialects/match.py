"""`match`, the protocol of a focus-session app: strangers that ask for a group of the same size are put together.

A relayed frame has only the fields `type`, `from`, `sdp` and `candidate`. The only frames that are answered with an
error are malformed `matchmaking` requests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import unquote

import msgspec
from msgspec import UNSET, Raw, UnsetType

from signaling_sidecar import errors
from signaling_sidecar.dialects.frame import BadFrameError, Envelope, encode_json, reader, writer
from signaling_sidecar.dialects.port import Caller, Closing, Dialect, Introduction, Opening, Rejection
from signaling_sidecar.errors import Code
from signaling_sidecar.hub import commands, messages
from signaling_sidecar.hub.commands import Carried
from signaling_sidecar.hub.messages import CloseCode
from signaling_sidecar.hub.rules import Ending, Endings, Joining, RoomRules
from signaling_sidecar.names import refuse_id
from signaling_sidecar.settings import Settings

NAME = "match"
MAX_GROUP = 16  # peers; PROTOCOLS.md, "`match`"
KEPT_S = 5.0  # seconds; the real client reconnects several times in quick succession, and expects to get its room back
_RELAYED = frozenset(("offer", "answer", "ice-candidate"))

# --- wire types: client to server ----------------------------------------------------------------------------------


class _Envelope(Envelope, gc=False):
    to: Any = None
    from_: Any = msgspec.field(name="from", default=UNSET)
    sdp: Raw | UnsetType = UNSET
    candidate: Raw | UnsetType = UNSET


class _Ask(msgspec.Struct):
    matchSize: Annotated[int, msgspec.Meta(ge=1, le=MAX_GROUP)]


# --- decode --------------------------------------------------------------------------------------------------------

_ask = msgspec.json.Decoder(_Ask)


def open_(opening: Opening) -> Introduction | Closing:
    peer = opening.query.get("userId", "")
    if not peer:
        return Closing(CloseCode.REFUSED, "Missing userId parameter.")
    if refuse_id("userId", peer) is not None:
        return Closing(CloseCode.REFUSED, "Invalid userId parameter.")
    # The real client does not encode its id for the URL, so a `+` in it is decoded as a space. In the field `from` it
    # sends the id as it is. Both spellings must be accepted.
    parts = opening.raw_query.split("&")
    raw = next((part.removeprefix("userId=") for part in parts if part.startswith("userId=")), peer)
    return Introduction(peer=peer, spellings=frozenset({peer, raw, unquote(raw)}))


def begin(caller: Caller, at_ms: int) -> commands.Opened | None:
    """If the user still has a session in a room, continue it on the new connection, before the client's first frame."""
    peer = caller.introduction.peer
    return None if peer is None else commands.Opened(caller.connection, NAME, peer)


def _read(envelope: _Envelope, frame: bytes, caller: Caller, at_ms: int) -> Carried:
    peer = caller.introduction.peer
    assert peer is not None  # because `open_` closes connections without a userId
    if envelope.kind not in _RELAYED and envelope.kind != "matchmaking":
        raise BadFrameError(errors.unknown_type(envelope.kind))
    claimed = envelope.from_
    if claimed is not UNSET and not (isinstance(claimed, str) and claimed in caller.introduction.spellings):
        raise BadFrameError(errors.forged_from(str(claimed), peer))
    if envelope.kind == "matchmaking":
        return commands.Enqueue(
            kind=envelope.kind,
            connection=caller.connection,
            dialect=NAME,
            peer=peer,
            size=_ask.decode(frame).matchSize,
            at_ms=at_ms,
        )
    if not isinstance(envelope.to, str):
        raise BadFrameError(errors.bad_field("to", "the userId of the receiver"))
    return commands.Relay(caller.connection, envelope.kind, envelope.to, None, _relayed(envelope, peer))


def _relayed(envelope: _Envelope, sender: str) -> bytes:
    sdp = b"" if envelope.sdp is UNSET else b',"sdp":' + bytes(envelope.sdp)
    candidate = b"" if envelope.candidate is UNSET else b',"candidate":' + bytes(envelope.candidate)
    return b'{"type":"%b","from":%b%b%b}' % (envelope.kind.encode(), encode_json(sender), sdp, candidate)


# --- wire types: server to client ----------------------------------------------------------------------------------


class _RoomFound(msgspec.Struct, tag_field="type", tag="room-found"):
    roomId: str
    peers: tuple[str, ...]


class _Error(msgspec.Struct, tag_field="type", tag="error"):
    error: str


# --- encode --------------------------------------------------------------------------------------------------------


def _error(refused: messages.Refused, at_ms: int) -> bytes | None:
    malformed = refused.kind == "matchmaking" and refused.refusal.code in (Code.BAD_FIELD, Code.FORGED_FROM)
    return encode_json(_Error(refused.refusal.message)) if malformed else None


_ENCODERS: dict[type, Callable[[Any, int], bytes | None]] = {
    messages.Matched: lambda matched, at_ms: encode_json(_RoomFound(matched.room, matched.peers)),
    messages.Relayed: lambda relayed, at_ms: relayed.payload,
    messages.Refused: _error,
}

# --- rules ---------------------------------------------------------------------------------------------------------


def rules(settings: Settings) -> RoomRules:
    return RoomRules(
        joining=Joining(capacity=MAX_GROUP, one_room_per_peer=True),
        endings=Endings(grace_s=dict.fromkeys(Ending, KEPT_S)),
    )


MATCH = Dialect(
    name=NAME,
    purpose="strangers put together by group size",
    paths=("/ws/signaling/match", "/signal"),
    kinds=_RELAYED | {"matchmaking"},
    rules=rules,
    decode=reader(msgspec.json.Decoder(_Envelope), _read),
    encode=writer(_ENCODERS),
    open=open_,
    begin=begin,
    query="userId",
    plain_get=Rejection(400, "Expected WebSocket connection"),
)
