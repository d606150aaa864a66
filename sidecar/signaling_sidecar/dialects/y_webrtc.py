"""`y-webrtc`, the protocol of the npm package `y-webrtc`, with which pages share Yjs documents.

A topic is a room, and one connection subscribes to the topics of all documents of its page. A published frame goes to
all subscribers of its topic. The `data` of the frame names the sender and, in a signal to one peer, the receiver.
Clients ignore frames for other receivers. With a password, `data` is an encrypted string. The protocol has no frame for
an error: a refused frame is dropped and recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from signaling_sidecar import errors
from signaling_sidecar.dialects.frame import BadFrameError, Envelope, check, encode_json, reader, text_in_binary, writer
from signaling_sidecar.dialects.port import Caller, Dialect, FrameBudget
from signaling_sidecar.hub import commands, messages
from signaling_sidecar.hub.commands import MAX_COMMANDS, Carried, Single
from signaling_sidecar.hub.rules import Announcements, Ending, Endings, Joining, Relays, RoomKey, RoomRules
from signaling_sidecar.names import refuse_id, refuse_name
from signaling_sidecar.settings import Settings

NAME = "y-webrtc"
# Without this limit, two tabs whose tokens have the same claim `peer` would replace each other for ever, because the
# client connects again at once. A page that only reconnects does not reach the limit.
REPLACEMENTS, REPLACEMENT_WINDOW_S = 10, 20.0
MAX_TOPICS = 150  # topics of a connection; less than `MAX_COMMANDS`, because a client subscribes to all in one frame
# For each document, a page connects to up to 35 peers within a second, and sends about 20 frames to each of them.
BUDGET = FrameBudget(times=4.0, per_room=True)

# --- wire types: client to server ----------------------------------------------------------------------------------


class _Data(msgspec.Struct, gc=False):
    """The names of sender and receiver in the `data` of a frame. A page has a different random name for each
    document."""

    from_: Any = msgspec.field(name="from", default=None)
    to: Any = None


class _Envelope(Envelope, gc=False):
    topics: Any = None
    topic: Any = None
    data: _Data | str | float | bool | list[Any] | None = None
    """Any JSON value. Clients send an object, or a string if there is a password."""
    clients: Any = UNSET


# --- decode --------------------------------------------------------------------------------------------------------

_fields_of = msgspec.json.Decoder(dict[str, Raw]).decode


def _read(envelope: _Envelope, frame: bytes, caller: Caller, at_ms: int) -> Carried:
    read = _READERS.get(envelope.kind)
    if read is None:
        raise BadFrameError(errors.unknown_type(envelope.kind))
    return read(envelope, frame, caller, at_ms)


def _publish(envelope: _Envelope, frame: bytes, caller: Caller, at_ms: int) -> Carried:
    check(refuse_id("topic", envelope.topic))
    names = envelope.data if isinstance(envelope.data, _Data) else _Data()
    return commands.Relay(
        caller.connection,
        "publish",
        None,
        caller.given_id,
        frame.rstrip() if envelope.clients is UNSET else _without_clients(frame),
        room=RoomKey(NAME, envelope.topic),
        sender_name=_name(names.from_),
        receiver_name=_name(names.to),
    )


def _without_clients(frame: bytes) -> bytes:
    return encode_json({name: value for name, value in _fields_of(frame).items() if name != "clients"})


def _name(value: Any) -> str | None:
    return value if value and refuse_name("data", value) is None else None


def _subscribe(envelope: _Envelope, frame: bytes, caller: Caller, at_ms: int) -> Carried:
    def join(topic: str) -> Single:
        refusal = refuse_id("topics", topic)
        if refusal is not None:  # only this topic is refused
            return commands.Refuse(connection=caller.connection, refusal=refusal, kind=envelope.kind)
        return commands.Join(
            kind=envelope.kind,
            connection=caller.connection,
            room=RoomKey(NAME, topic),
            at_ms=at_ms,
            peer=caller.given_id,
        )

    # Topics beyond `MAX_COMMANDS` are dropped here without a record. `MAX_COMMANDS` is more than `MAX_TOPICS`. So when
    # topics are dropped here, the hub also refuses some of the remaining topics, and records this.
    return commands.Several(caller.connection, tuple(map(join, _topics(envelope)[:MAX_COMMANDS])))


def _unsubscribe(envelope: _Envelope, frame: bytes, caller: Caller, at_ms: int) -> Carried:
    def leave(topic: str) -> Single:
        room = RoomKey(NAME, topic)
        return commands.Leave(kind=envelope.kind, connection=caller.connection, room=room, may_be_outside=True)

    return commands.Several(caller.connection, tuple(map(leave, _topics(envelope))))


def _topics(envelope: _Envelope) -> list[str]:
    """Return the topics that a frame names, once each. Items that are not strings are ignored, as by the original
    server."""
    if not isinstance(envelope.topics, list):
        raise BadFrameError(errors.bad_field("topics", "a list of topics"))
    return list(dict.fromkeys(topic for topic in envelope.topics if isinstance(topic, str)))


_READERS: dict[str, Callable[[_Envelope, bytes, Caller, int], Carried]] = {
    "subscribe": _subscribe,
    "unsubscribe": _unsubscribe,
    "publish": _publish,
    "ping": lambda envelope, frame, caller, at_ms: commands.Ping(caller.connection),
}
_decode = reader(msgspec.json.Decoder(_Envelope), _read)

# --- encode --------------------------------------------------------------------------------------------------------


def _relayed(relayed: messages.Relayed, at_ms: int) -> bytes:
    """Append the field `clients` to the bytes of the sender's frame, so that the frame need not be encoded again."""
    return b'%b,"clients":%d}' % (relayed.payload[:-1], relayed.receivers or 0)


_ENCODERS: dict[type, Callable[[Any, int], bytes]] = {
    messages.Relayed: _relayed,
    messages.Pong: lambda pong, at_ms: b'{"type":"pong"}',
}

# --- rules ---------------------------------------------------------------------------------------------------------


# A session ends with its connection, even if a hook gives the room a grace period. The page could not return to a kept
# session, because each connection gets a new id, and that session would occupy a place in the topic.
_GRACE_S = dict.fromkeys(Ending, 0.0)


def rules(settings: Settings) -> RoomRules:
    return RoomRules(
        joining=Joining(
            capacity=settings.max_peers_per_room,
            rooms_per_connection=MAX_TOPICS,
            replacements=REPLACEMENTS,
            replacement_window_s=REPLACEMENT_WINDOW_S,
        ),
        endings=Endings(grace_s=_GRACE_S, own_grace=frozenset()),
        announcements=Announcements(announces_members=False),
        relays=Relays(publishes=True),
    )


Y_WEBRTC = Dialect(
    name=NAME,
    purpose="pages that share Yjs documents, with the npm package y-webrtc",
    line="new WebrtcProvider(room, doc, { signaling: [$url] })",
    without_signals="Tabs of one browser share their changes without WebRTC, unless filterBcConns is false.",
    paths=("/ws/signaling/y-webrtc",),
    kinds=frozenset(_READERS),
    rules=rules,
    decode=_decode,
    decode_binary=text_in_binary(_decode),
    encode=writer(_ENCODERS),
    first_frames=frozenset(("subscribe",)),
    frame_budget=BUDGET,
)
