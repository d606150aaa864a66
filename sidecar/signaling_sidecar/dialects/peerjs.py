"""`peerjs`, the protocol of the library PeerJS, whose clients call each other by their ids.

The URL of the WebSocket contains the peer id and a token. The library makes up a new token for each `Peer` object. So
when a client asks for an id that is in use, its token tells whether it is the same client on a new connection.

PeerJS disconnects from its server when it gets an ERROR frame. So once its id is accepted, a client gets no ERROR for a
refused frame. If an offer or answer was refused because its receiver cannot be reached, the client gets an EXPIRE
frame, and PeerJS reports the receiver as unavailable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from signaling_sidecar import errors
from signaling_sidecar.dialects.frame import BadFrameError, Envelope, check, encode_json, reader, text_in_binary, writer
from signaling_sidecar.dialects.port import (
    Answer,
    Asked,
    Caller,
    Closing,
    Dialect,
    FrameBudget,
    Introduction,
    Opening,
    Route,
    View,
)
from signaling_sidecar.errors import Code
from signaling_sidecar.hub import commands, messages
from signaling_sidecar.hub.commands import Carried
from signaling_sidecar.hub.messages import CloseCode, LastWords
from signaling_sidecar.hub.rules import (
    Announcements,
    Challenged,
    Ending,
    Endings,
    Joining,
    Mailbox,
    Relays,
    RoomKey,
    RoomRules,
)
from signaling_sidecar.names import refuse_id
from signaling_sidecar.settings import Settings

NAME = "peerjs"
PREFIXES = ("/ws/signaling", "/ws/signaling/peerjs", "")
"""The possible values of the library's option `path`: the one in our documentation, one like the paths of the other
dialects, and the library's default."""
DEFAULT_KEY = "peerjs"  # the library's default for its option `key`
KEEP_S = 5.0  # seconds; the original server also sends EXPIRE after this time
MAX_TOKEN_BYTES = 2048  # bytes of UTF-8; the library's tokens have about 11, but a page may set its own token
# Without this limit, two tabs of a page that sets both its id and its token would replace each other for ever.
REPLACEMENTS, REPLACEMENT_WINDOW_S = 10, 20.0
# In Chromium on a machine with three networks, the caller sends 37 frames for a call with picture and sound. So a page
# can call 50 peers at once.
BUDGET = FrameBudget(times=4.0)
MAX_KEPT_FRAMES = 2000  # frames for one id, so that 50 peers can call a peer that is reloading its page
MAX_KEPT_BYTES = 1024 * 1024  # bytes for one id; an offer with video has about 7 KB
MAX_KEPT_BYTES_IN_ALL = 16 * MAX_KEPT_BYTES
_CALLS = frozenset(("OFFER", "ANSWER", "CANDIDATE"))
_NOT_KEPT = frozenset(("LEAVE", "EXPIRE"))
_EXPIRES_AT_ONCE = frozenset(("OFFER", "ANSWER"))
"""If a frame of one of these kinds is refused because its receiver cannot be reached, its sender gets an EXPIRE. The
candidates after an offer cause no EXPIRE, so that the page gets one error for each call."""
_UNAVAILABLE = frozenset((Code.NO_SUCH_PEER, Code.PEER_AWAY))

# The library shows pages no text of this response, but the terminal of Vite does.
NO_LIST = b"the list of peers (peer.listAllPeers) is off; peerjs.discovery = true in sidecar.toml turns it on"
# The error texts of the original server. The library passes them on to the page.
MISSING = "No id, token, or key supplied to websocket server"
WRONG_KEY = "Invalid key provided"
FULL = "Server has reached its concurrent user limit"

# --- wire types: client to server ----------------------------------------------------------------------------------


class _Envelope(Envelope, gc=False):
    dst: Any = None
    payload: Raw | UnsetType = UNSET


# --- decode --------------------------------------------------------------------------------------------------------


def open_(opening: Opening) -> Introduction | Closing:
    peer, token, key = (opening.query.get(name, "") for name in ("id", "token", "key"))
    if opening.removed == "key":
        key = opening.settings.peerjs_key or DEFAULT_KEY
    if not (peer and (token or opening.removed == "token") and key):
        return Closing(CloseCode.REFUSED, MISSING)
    if opening.settings.peerjs_key not in (None, key):
        return Closing(CloseCode.REFUSED, WRONG_KEY)
    prefix, hyphen, _ = peer.partition("-")
    room = prefix if opening.settings.peerjs_rooms_by_prefix and prefix and hyphen else key
    refusal = refuse_id("id", peer) or refuse_id("key", room)
    if refusal is None and len(token.encode()) > MAX_TOKEN_BYTES:
        refusal = errors.too_large("token", len(token.encode()), MAX_TOKEN_BYTES)
    if refusal is not None:
        return Closing(CloseCode.REFUSED, refusal.message)
    # If the parameter `token` is an access token, clients are recognised by the subject of this token. The token itself
    # cannot identify a client: it may be the same for all clients, and a renewed token is another text.
    return Introduction(room=room, peer=peer, own_token=opening.subject if opening.removed == "token" else token)


def begin(caller: Caller, at_ms: int) -> commands.Join:
    introduction = caller.introduction
    assert introduction.room is not None  # because `open_` closes connections without a key
    return commands.Join(
        kind="OPEN",
        connection=caller.connection,
        room=RoomKey(NAME, introduction.room),
        at_ms=at_ms,
        peer=introduction.peer,
        own_token=introduction.own_token,
    )


def _read(envelope: _Envelope, frame: bytes, caller: Caller, at_ms: int) -> Carried:
    kind = envelope.kind
    if kind == "HEARTBEAT":
        return commands.Ping(caller.connection)
    if kind not in _CALLS and kind not in _NOT_KEPT:
        raise BadFrameError(errors.unknown_type(kind))
    if kind == "LEAVE" and envelope.dst in (None, ""):
        return commands.Leave(kind=kind, connection=caller.connection)
    if envelope.dst in (None, ""):
        raise BadFrameError(errors.bad_field("dst", "the id of a peer, but connect() or call() was called without one"))
    check(refuse_id("dst", envelope.dst))
    sender, to = encode_json(caller.introduction.peer), encode_json(envelope.dst)
    payload = b"" if envelope.payload is UNSET else b',"payload":' + bytes(envelope.payload)
    return commands.Relay(
        caller.connection,
        kind,
        envelope.dst,
        None,
        b'{"type":"%b","src":%b,"dst":%b%b}' % (kind.encode(), sender, to, payload),
        may_wait=kind in _CALLS,
    )


_decode = reader(msgspec.json.Decoder(_Envelope), _read)

# --- wire types: server to client ----------------------------------------------------------------------------------


class _Message(msgspec.Struct):
    msg: str


class _Refused(msgspec.Struct):
    type: str
    payload: _Message


class _Expire(msgspec.Struct, tag_field="type", tag="EXPIRE"):
    src: str
    dst: str


class _Leave(msgspec.Struct, tag_field="type", tag="LEAVE"):
    src: str


# --- encode --------------------------------------------------------------------------------------------------------


def _error(text: str) -> bytes:
    return encode_json(_Refused("ERROR", _Message(text)))


def _refused(refused: messages.Refused, at_ms: int) -> bytes | None:
    if refused.joined:
        is_unavailable = refused.kind in _EXPIRES_AT_ONCE and refused.refusal.code in _UNAVAILABLE
        return encode_json(_Expire(refused.to or "", refused.peer or "")) if is_unavailable else None
    if refused.refusal.code is Code.ID_TAKEN:
        return encode_json(_Refused("ID-TAKEN", _Message("ID is taken")))
    return _error(FULL if refused.refusal.code is Code.ROOM_FULL else refused.refusal.message)


def _farewell(closing: Closing) -> bytes:
    return _error(FULL if closing.code == CloseCode.FULL else closing.reason)


_ENCODERS: dict[type, Callable[[Any, int], bytes | None]] = {
    messages.PeerList: lambda listed, at_ms: b'{"type":"OPEN"}',
    messages.PeerLeft: lambda left, at_ms: encode_json(_Leave(left.peer)),
    messages.Relayed: lambda relayed, at_ms: relayed.payload,
    messages.Expired: lambda expired, at_ms: encode_json(_Expire(expired.to, expired.peer)),
    messages.Refused: _refused,
}


def closing(message: LastWords) -> Closing | None:
    """Close a connection that has no session when its frame is refused. It has none because its id was not accepted, or
    because its peer has left."""
    if isinstance(message, messages.Refused) and not message.joined:
        return Closing(CloseCode.REFUSED, message.refusal.code)
    return None


# --- HTTP ----------------------------------------------------------------------------------------------------------


def _about(asked: Asked, view: View) -> Answer:
    """Answer with the name of the original server, because some tools look for that name."""
    about = {
        "name": "PeerJS Server",
        "description": "The signaling sidecar is running, and connects PeerJS clients among others.",
        "website": "https://peerjs.com/",
    }
    return Answer(encode_json(about))


def _id(asked: Asked, view: View) -> Answer:
    return Answer(asked.given_id.encode(), "text/plain; charset=utf-8")


def _peers(asked: Asked, view: View) -> Answer:
    if not asked.settings.peerjs_discovery:
        return Answer(NO_LIST, "text/plain; charset=utf-8", 401)
    peers = view.peers(asked.path.get("key") or asked.settings.peerjs_key or DEFAULT_KEY) or ()
    return Answer(encode_json([view.peer for view in peers if not view.away]))


# --- rules ---------------------------------------------------------------------------------------------------------


def rules(settings: Settings) -> RoomRules:
    return RoomRules(
        joining=Joining(
            # Without `peerjs_rooms_by_prefix`, all clients with the same key are in one room.
            capacity=settings.max_peers_per_room if settings.peerjs_rooms_by_prefix else settings.max_connections,
            challenged=Challenged.THE_ID,
            replacements=REPLACEMENTS,
            replacement_window_s=REPLACEMENT_WINDOW_S,
        ),
        endings=Endings(
            grace_s={
                Ending.CLOSED: 0.0,
                Ending.UNLOADED: 0.0,
                Ending.LOST: settings.grace_s,
                Ending.STOPPED: settings.grace_s,
            },
            durable=settings.payloads == "full",
        ),
        announcements=Announcements(announces_members=False, tells_contacts=True),
        relays=Relays(
            to_oneself=True,
            mailbox=Mailbox(
                frames=MAX_KEPT_FRAMES,
                payload_bytes=MAX_KEPT_BYTES,
                total_payload_bytes=MAX_KEPT_BYTES_IN_ALL,
                keep_s=KEEP_S,
                expire_together=True,
                takes_unknown_ids=not settings.peerjs_expire_unknown_ids,
            ),
        ),
    )


PEERJS = Dialect(
    name=NAME,
    purpose="PeerJS: peers call each other by their ids",
    line="new Peer(id, { host: $host, port: $port, path: '/ws/signaling', secure: $secure })",
    paths=tuple(f"{prefix}/peerjs" for prefix in PREFIXES),
    kinds=_CALLS | _NOT_KEPT | {"HEARTBEAT"},
    rules=rules,
    decode=_decode,
    decode_binary=text_in_binary(_decode),
    encode=writer(_ENCODERS),
    open=open_,
    begin=begin,
    farewell=_farewell,
    closing=closing,
    routes=(
        *(Route("GET", f"{prefix}/", _about, reads_rooms=False) for prefix in PREFIXES),
        # The library requests an id before it connects. It sends no token with this request, but only when it connects.
        *(Route("GET", f"{prefix}/{{key}}/id", _id, needs_no_token=True, reads_rooms=False) for prefix in PREFIXES),
        *(Route("GET", f"{prefix}/{{key}}/peers", _peers) for prefix in PREFIXES),
    ),
    cross_origin=True,
    frame_budget=BUDGET,
    query="id",
    token_parameters=("token", "key"),
)
