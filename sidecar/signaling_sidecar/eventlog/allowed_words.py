"""The words, keys and numbers that a redacted record may contain unchanged.

They are words of the sidecar, of a wire protocol ("dialect") or of WebRTC. Everything that is not listed is redacted,
so a new field is never shared by accident. A word is only allowed under its own keys, because a peer may be called
`offer`.
"""

from __future__ import annotations

import re
from dataclasses import fields
from functools import cache
from typing import NamedTuple, get_args

import msgspec

from signaling_sidecar.auth import MISSING, TOO_MANY, Why
from signaling_sidecar.errors import Code
from signaling_sidecar.eventlog.payload import CANDIDATE_TYPES, SDP_TYPES
from signaling_sidecar.hub.checkpoint import Checkpoint
from signaling_sidecar.hub.messages import EXPIRED, REVOKED, Numbered
from signaling_sidecar.hub.payloads import BASE64
from signaling_sidecar.hub.restoration import RecordData
from signaling_sidecar.hub.rules import Ending, Reason
from signaling_sidecar.settings import Settings

MIDS = frozenset({*map(str, range(32)), "audio", "video", "data"})  # the names that browsers give to media sections
# At most three parts, because four parts may be an IP address.
VERSION = re.compile(r"\d{1,3}\.\d{1,3}(\.\d{1,3})?((a|b|rc)\d{1,3})?")
VERSIONED = frozenset({"version", "python", "aiohttp"})

_ADDRESS_CLASSES = frozenset({"mdns", "name", "loopback", "link-local", "private", "public", "shared", "reserved"})
# Messages that a checkpoint stores for a session.
_KEPT_MESSAGES = frozenset(type_.__name__ for type_ in get_args(Numbered))


class DialectWords(NamedTuple):
    """The words that the dialects define. This package does not know the dialects, so its callers pass the words."""

    names: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    """The types of the frames that clients send."""
    modes: frozenset[str] = frozenset()
    """The modes that a room can have."""

    @property
    def frame_types(self) -> frozenset[str]:
        return self.kinds | SDP_TYPES | _KEPT_MESSAGES

    def by_key(self) -> dict[str, frozenset[str]]:
        """The strings that are kept, by key. Every other string is replaced by a pseudonym."""
        return WORDS | {
            "type": self.frame_types | CANDIDATE_TYPES | {"end", "malformed"},
            "kind": self.frame_types,
            "dialect": self.names,
            "dialects": self.names,
            "mode": self.modes,
        }


WORDS: dict[str, frozenset[str]] = {
    "sdp_type": SDP_TYPES,
    "code": frozenset(Code),
    "ending": frozenset(Ending),
    "reason": frozenset(Reason)
    | frozenset(Ending)
    | frozenset(Code)
    | {"replaced", "restart", "idle", "full", EXPIRED, REVOKED},
    "by": frozenset({"peer", "sidecar"}),
    "why": frozenset(Why) | {MISSING, TOO_MANY},
    "payloads": frozenset({"full", "summary", "none"}),
    "hook": frozenset({"admit", "room_rules", "on_join", "on_relay", "on_leave"}),
    "protocol": frozenset({"udp", "tcp", "other"}),
    "address_class": _ADDRESS_CLASSES | {f"{each}-ipv6" for each in _ADDRESS_CLASSES},
    "sdpMid": MIDS,
}
"""The strings that are kept, by key. `DialectWords.by_key` adds those of the dialects."""

TRACE_WORDS: dict[str, frozenset[str]] = {
    "event": frozenset({"page", "opened", "state", "selected", "stats", "error", "closed"}),
    "policy": frozenset({"all", "relay"}),  # this and the following states are defined in W3C WebRTC 4.3 and 5.5
    "connection": frozenset({"new", "connecting", "connected", "disconnected", "failed", "closed"}),
    "ice": frozenset({"new", "checking", "connected", "completed", "disconnected", "failed", "closed"}),
    "gathering": frozenset({"new", "gathering", "complete"}),
    "signaling": frozenset(
        {
            *("stable", "closed", "have-local-offer", "have-remote-offer"),
            *("have-local-pranswer", "have-remote-pranswer"),
        }
    ),
    "dtls": frozenset({"new", "connecting", "connected", "closed", "failed"}),
    "networkType": frozenset({"bluetooth", "cellular", "ethernet", "wifi", "wimax", "vpn", "unknown"}),
    "operation": frozenset(
        {
            *("createOffer", "createAnswer", "setLocalDescription", "setRemoteDescription", "addIceCandidate"),
            *("addTrack", "addTransceiver", "createDataChannel", "restartIce", "setConfiguration", "getStats"),
        }
    ),
    # The names of the errors that an RTCPeerConnection throws. The diagnosis needs them.
    "name": frozenset(
        {
            *("InvalidStateError", "OperationError", "InvalidAccessError", "InvalidModificationError"),
            *("NotSupportedError", "NetworkError", "SyntaxError", "TypeError", "RTCError"),
        }
    ),
}
"""The strings that are kept in reports of browsers, where these keys have another meaning than in frames of an app."""

KINDS: dict[str, str] = {
    **dict.fromkeys(
        (
            *("peer", "to", "from", "sender", "new_host", "peerId", "userId", "targetUserId", "peers", "matched"),
            *("host", "contacts", "src", "dst"),
        ),
        "peer",
    ),
    **dict.fromkeys(("room", "roomId", "target", "pairingCode"), "room"),
    **dict.fromkeys(("session", "told"), "session"),
    **dict.fromkeys(("token", "issued", "proven", "own_token"), "token"),
    **dict.fromkeys(("ufrag", "usernameFragment", "localUfrag", "remoteUfrag"), "ufrag"),
    **dict.fromkeys(("link", "forLink"), "link"),
    "connectionId": "call",
    **dict.fromkeys(("project", "state_dir", "hooks"), "path"),
    **dict.fromkeys(("instance", "page"), "page"),
    "subject": "subject",
    **{name: name for name in ("boot", "pc", "name", "message", "origin", "dialect", "kind", "code", "reason")},
    "title": "title",
    "path": "path",
    "user_agent": "agent",
    "remote": "address",
    "sdpMid": "mid",
    "type": "kind",
}
"""The kind of pseudonym for the strings that are not kept, by key. For any other key it is `text`."""

NUMBERS = frozenset(field.name for field in fields(Settings)) | {
    *(
        "segment",
        "pid",
        "records",
        "rooms",
        "sessions",
        "took_ms",
        "bytes",
        "lost",
        "count",
        "times",
        "code",
        "replaced",
    ),
    *(
        "capacity",
        "asked_capacity",
        "group",
        "grace_s",
        "left_s",
        "away_s",
        "age_s",
        "s_ago",
        "replaced_s_ago",
        "barred_left_s",
        "idle_s",
        "joined_at_ms",
        "created_at_ms",
        "at_ms",
        "size",
        "by",
        "connection",
    ),
    *("sent", "handled", "reached", "s", "a", "c", "round", "description_bytes", "place"),
    *("instance", "before", "fence"),
}
"""The keys whose numbers are kept in data of the sidecar itself. Any other number becomes 0, because an app may use any
key for a phone number or a location."""

TRACE_NUMBERS = frozenset(
    {"at", "turnServers", "bytesSent", "bytesReceived", "rttMs", "packetsLost", "outgoingBitsPerSecond"}
)
"""The keys whose numbers are also kept in reports of browsers about their connections."""

APP_WORDS = frozenset({"type", "kind", "sdpMid"})
"""The keys whose words are also kept in data of an app: those of WebRTC, and the types of frames."""
APPS_OWN = frozenset({"metadata", "ref"})
"""The keys under which a record of the sidecar contains data of an app."""
MAX_MEDIA_SECTION = 31  # the highest `sdpMLineIndex` that is kept in data of an app; the same limit as for `MIDS`

_KEYS = (
    NUMBERS
    | TRACE_NUMBERS
    | frozenset(DialectWords().by_key())
    | frozenset(TRACE_WORDS)
    | frozenset(KINDS)
    | VERSIONED
    | {
        *(
            BASE64,
            "settings",
            "hook",
            "error",
            "summary",
            "opaque",
            "candidate",
            "candidates",
            "sdp",
            "offer",
            "answer",
        ),
        *("Offer", "Answer", "IceCandidate"),  # the keys of signals that a library in Rust sends
        *(
            "description",
            "signal",
            "data",
            "id",
            "sdpMLineIndex",
            "secure",
            "media",
            "hasLocal",
            "hasRemote",
            "pair",
            "local",
            "stats",
            "room_name",
        ),
    }
)


@cache
def known_keys() -> frozenset[str]:
    """The keys that are kept: those above, and the names of all fields that a restart reads, at every depth.

    Every other key is replaced by a pseudonym, because an app may use a name as a key.
    """
    _, structs = msgspec.json.schema_components((Checkpoint, RecordData))
    return _KEYS.union(*(struct.get("properties", ()) for struct in structs.values()))
