"""`pairing`, the protocol of a messenger in which two devices meet by a code of six characters.

A code is a secret, because everybody who knows it can join its room. So the event log contains only the id of the room,
which is a keyed hash (HMAC) of the code. The code itself is the name of the room. This name is never recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from signaling_sidecar import errors
from signaling_sidecar.dialects.frame import BadFrameError, Envelope, encode_json, reader, writer
from signaling_sidecar.dialects.port import Caller, Dialect
from signaling_sidecar.errors import Code
from signaling_sidecar.hub import commands, messages
from signaling_sidecar.hub.commands import Carried
from signaling_sidecar.hub.rules import (
    Announcements,
    Challenged,
    Entry,
    EntryLimit,
    Joining,
    Relays,
    RoomKey,
    RoomRules,
)
from signaling_sidecar.names import refuse_id
from signaling_sidecar.settings import Settings

NAME = "pairing"
_RELAYED = frozenset(("offer", "answer", "ice_candidate"))

# --- wire types: client to server ----------------------------------------------------------------------------------


class _Envelope(Envelope, gc=False):
    pairingCode: Any = None
    target: Any = None
    payload: msgspec.Raw = msgspec.Raw(b"null")


# --- decode --------------------------------------------------------------------------------------------------------


def _read(envelope: _Envelope, frame: bytes, caller: Caller, at_ms: int) -> Carried:
    if envelope.kind == "ping":
        return commands.Ping(caller.connection)
    if envelope.kind == "register":
        return _join(envelope.kind, "pairingCode", envelope.pairingCode, caller, at_ms)
    if envelope.kind not in _RELAYED:
        raise BadFrameError(errors.unknown_type(envelope.kind))
    if bytes(envelope.payload) == b"null":
        raise BadFrameError(errors.bad_field("payload", "there"))
    return commands.Relay(
        caller.connection,
        envelope.kind,
        to=None,
        claimed_from=None,
        payload=b'{"type":"%b","payload":%b}' % (envelope.kind.encode(), bytes(envelope.payload)),
        call=None if envelope.target is None else _join(envelope.kind, "target", envelope.target, caller, at_ms),
        must_arrive=True,
    )


def _join(kind: str, field: str, code: Any, caller: Caller, at_ms: int) -> commands.Join:
    refusal = refuse_id(field, code)
    if refusal is not None:
        raise BadFrameError(refusal)
    return commands.Join(
        kind=kind,
        connection=caller.connection,
        room=RoomKey(NAME, caller.conceal(code)),
        at_ms=at_ms,
        room_name=code,
        creates=None if kind == "register" else False,
        address=caller.address,
    )


# --- wire types: server to client ----------------------------------------------------------------------------------


class _Coded(msgspec.Struct):
    type: str
    pairingCode: str | None


class _Error(msgspec.Struct, tag_field="type", tag="error"):
    message: str


# --- encode --------------------------------------------------------------------------------------------------------


def _relayed(relayed: messages.Relayed, at_ms: int) -> bytes:
    return b'%b,"from":%b}' % (relayed.payload[:-1], encode_json(relayed.room_name))


def _error(refused: messages.Refused, at_ms: int) -> bytes:
    return encode_json(_Error(_error_text(refused)))


def _error_text(refused: messages.Refused) -> str:
    """Return the text with which the original server answers the refused frame. If that server does not refuse
    frames for this reason, return our own message. The error frames of this dialect have no field for the error code.
    """
    code = refused.refusal.code
    if refused.kind in _RELAYED and not refused.joined:
        return "Not registered"
    if refused.kind in _RELAYED and code is Code.BAD_FIELD:
        return "Missing target or payload"
    if code in (Code.NO_SUCH_PEER, Code.NO_SUCH_ROOM, Code.PEER_AWAY):
        return "Target peer not found"
    if code is Code.ROOM_FULL:
        return "Pairing code already has maximum peers" if refused.kind == "register" else "Target peer not found"
    if code is Code.BAD_JSON:
        return "Invalid message format"
    if code is Code.UNKNOWN_TYPE:
        return f"Unknown message type: {refused.kind}"
    if refused.kind is not None and code in (Code.BAD_FIELD, Code.TOO_LARGE, Code.TOO_FAST):
        return "Invalid pairing code"
    return refused.refusal.message


_ENCODERS: dict[type, Callable[[Any, int], bytes]] = {
    messages.PeerList: lambda listed, at_ms: encode_json(_Coded("registered", listed.room_name)),
    messages.PeerJoined: lambda joined, at_ms: encode_json(_Coded("peer_joined", joined.room_name)),
    messages.PeerLeft: lambda left, at_ms: encode_json(_Coded("peer_left", left.room_name)),
    messages.Relayed: _relayed,
    messages.Pong: lambda pong, at_ms: b'{"type":"pong"}',
    messages.Refused: _error,
}

# --- rules ---------------------------------------------------------------------------------------------------------


def rules(settings: Settings) -> RoomRules:
    limit = EntryLimit(settings.pairing_codes_per_minute, settings.pairing_codes_per_minute_per_address)
    return RoomRules(
        joining=Joining(capacity=2, anonymous_returns=True, challenged=Challenged.THE_ROOM),
        announcements=Announcements(announces_returns=True),
        entry=Entry(secret=True, limit=limit),
        relays=Relays(to_other_rooms=settings.pairing_cross_code),
    )


PAIRING = Dialect(
    name=NAME,
    purpose="two devices that meet by a code",
    paths=("/ws/signaling/pairing", "/"),
    kinds=_RELAYED | {"register", "ping"},
    rules=rules,
    decode=reader(msgspec.json.Decoder(_Envelope), _read),
    encode=writer(_ENCODERS),
    keeps_secrets=True,
    first_frames=frozenset(("register", "ping")),
)
