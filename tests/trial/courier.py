"""`courier`, a dialect for tests only.

The server sends the first frame, text frames are JSON arrays or plain words, some frames are binary, and a join is
answered with two frames.

It differs as much as possible from the real dialects, to show that a new dialect needs no change of other code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from signaling_sidecar import errors
from signaling_sidecar.dialects.frame import (
    BadFrameError,
    Envelope,
    binary_reader,
    check,
    encode_json,
    reader,
    writer,
)
from signaling_sidecar.dialects.kinds import kind_at
from signaling_sidecar.dialects.port import Caller, Dialect, Encoded
from signaling_sidecar.hub import commands, messages
from signaling_sidecar.hub.commands import Carried, Command
from signaling_sidecar.hub.payloads import Binary
from signaling_sidecar.hub.rules import Joining, RoomKey, RoomRules
from signaling_sidecar.names import refuse_id

NAME = "courier"
CHUNK = "chunk"
EXIT = b"exit"
_RELAYED = frozenset(("offer", "answer", "candidate"))

# --- decode --------------------------------------------------------------------------------------------------------


class _Envelope(Envelope, array_like=True, gc=False):
    first: Any = None
    second: msgspec.Raw = msgspec.Raw(b"null")


def _read(envelope: _Envelope, frame: bytes, caller: Caller, at_ms: int) -> Carried:
    kind = envelope.kind
    if kind == "enter":
        peer = msgspec.json.decode(envelope.second)
        check(refuse_id("room", envelope.first), refuse_id("peer", peer))
        return commands.Join(
            kind=kind, connection=caller.connection, room=RoomKey(NAME, envelope.first), at_ms=at_ms, peer=peer
        )
    if kind not in _RELAYED:
        raise BadFrameError(errors.unknown_type(kind))
    check(refuse_id("receiver", envelope.first))
    payload = b'["%b",%b]' % (kind.encode(), bytes(envelope.second))
    return commands.Relay(caller.connection, kind, envelope.first, None, payload)


_read_array = reader(msgspec.json.Decoder(_Envelope), _read)


def _decode(frame: bytes, caller: Caller, at_ms: int) -> Command:
    if frame == EXIT:
        return commands.Leave(kind="exit", connection=caller.connection)
    return _read_array(frame, caller, at_ms)


_kind_of_array = kind_at(0)


def _kind_of(frame: bytes) -> str | None:
    return "exit" if frame == EXIT else _kind_of_array(frame)


def _read_chunk(frame: bytes, caller: Caller, at_ms: int) -> Carried:
    """Read a binary frame: one byte with the length of the receiver's id, that id, and the data."""
    size = frame[0] if frame else 0
    receiver, data = frame[1 : 1 + size].decode(errors="replace"), frame[1 + size :]
    check(refuse_id("receiver", receiver))
    return commands.Relay(caller.connection, CHUNK, receiver, None, Binary(data))


# --- encode --------------------------------------------------------------------------------------------------------


def _relayed(relayed: messages.Relayed, at_ms: int) -> bytes:
    sender = relayed.sender.encode()
    if isinstance(relayed.payload, Binary):
        return Binary(bytes((len(sender),)) + sender + relayed.payload)
    kind, _, body = relayed.payload.partition(b",")
    return b"%b,%b,%b" % (kind, encode_json(relayed.sender), body)


_ENCODERS: dict[type, Callable[[Any, int], Encoded]] = {
    messages.Greeting: lambda greeting, at_ms: b"hello",
    messages.PeerList: lambda listed, at_ms: (
        encode_json(["room", listed.room]),
        encode_json(["here", [view.peer for view in listed.peers]]),
    ),
    messages.PeerJoined: lambda joined, at_ms: encode_json(["came", joined.peer.peer]),
    messages.PeerLeft: lambda left, at_ms: encode_json(["went", left.peer]),
    messages.Relayed: _relayed,
    messages.Refused: lambda refused, at_ms: encode_json(["wrong", refused.refusal.code]),
}


COURIER = Dialect(
    name=NAME,
    purpose="a dialect for tests, with arrays and binary frames",
    paths=("/ws/signaling/courier",),
    kinds=_RELAYED | {"enter", "exit", CHUNK},
    kind_of=_kind_of,
    rules=lambda settings: RoomRules(joining=Joining(capacity=settings.max_peers_per_room)),
    decode=_decode,
    decode_binary=binary_reader(_read_chunk, CHUNK),
    encode=writer(_ENCODERS),
    begin=lambda caller, at_ms: commands.Greet(caller.connection, caller.given_id),
)
