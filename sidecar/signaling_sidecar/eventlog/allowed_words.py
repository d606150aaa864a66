"""The words, keys and numbers that a redacted record may contain unchanged.

They are words of the sidecar, of a wire protocol ("dialect") or of WebRTC. Everything that is not listed is redacted,
so a new field is never shared by accident. Each word is allowed only as the value of certain keys, because `offer` may
also be the name of a peer.
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
# A version number has at most three parts here, because a text with four parts may be an IP address.
VERSION = re.compile(r"\d{1,3}\.\d{1,3}(\.\d{1,3})?((a|b|rc)\d{1,3})?")
VERSIONED = frozenset({"version", "python", "aiohttp"})

_ADDRESS_CLASSES = frozenset({"mdns", "name", "loopback", "link-local", "private", "public", "shared", "reserved"})
# The types of the messages that a checkpoint stores for a session, because its client may not have received them.
_KEPT_MESSAGES = frozenset(type_.__name__ for type_ in get_args(Numbered))


class DialectWords(NamedTuple):
    """The words that the dialects define. This package does not import the dialects, so its callers pass the words."""

    names: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    """The types of the frames that clients send."""
    modes: frozenset[str] = frozenset()
    """The modes that a room can have."""

    @property
    def frame_types(self) -> frozenset[str]:
        return self.kinds | SDP_TYPES | _KEPT_MESSAGES

    def by_key(self) -> dict[str, frozenset[str]]:
        """Return for each key the strings that are kept. Every other string is replaced by a pseudonym."""
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
"""For each key, the strings that are kept as its value. `DialectWords.by_key` adds the words of the dialects."""

TRACE_WORDS: dict[str, frozenset[str]] = {
    "event": frozenset({"page", "media", "opened", "state", "selected", "stats", "error", "closed"}),
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
            *("getUserMedia", "getDisplayMedia"),
        }
    ),
    # The names of the errors that an RTCPeerConnection and `getUserMedia` throw. The diagnosis needs them.
    "name": frozenset(
        {
            *("InvalidStateError", "OperationError", "InvalidAccessError", "InvalidModificationError"),
            *("NotSupportedError", "NetworkError", "SyntaxError", "TypeError", "RTCError"),
            *("NotAllowedError", "NotFoundError", "NotReadableError", "OverconstrainedError"),
        }
    ),
}
"""For each key, the strings that are also kept as its value in a browser's report about its connections. In the frames
of an app, the same keys may mean something else."""

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
"""For each key, the kind of the pseudonyms that replace its strings, such as `peer` in `peer-3`. For a key that is not
listed here, the kind is `text`."""

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
"""The keys whose numbers are kept in data that the sidecar itself has written. In an app's data, numbers become 0 under
these keys too, because an app may use any key for a phone number or a location."""

TRACE_NUMBERS = frozenset(
    {"at", "turnServers", "bytesSent", "bytesReceived", "rttMs", "packetsLost", "outgoingBitsPerSecond"}
)
"""The keys whose numbers are kept in a browser's report about its connections. There, `NUMBERS` does not apply."""

APP_WORDS = frozenset({"type", "kind", "sdpMid"})
"""The only keys whose words are kept in data that an app has written: words of WebRTC, and the types of frames."""
APPS_OWN = frozenset({"metadata", "ref"})
"""The keys under which a record of the sidecar contains data that an app has written."""
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
        *("Offer", "Answer", "IceCandidate"),  # the keys in the signals of `matchbox_socket`, a library in Rust
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
    """Return the keys that are kept: those in this module, and the names of all fields, nested ones included, that a
    restart reads from the log.

    Every other key is replaced by a pseudonym, because an app may use a person's name as a key.
    """
    _, structs = msgspec.json.schema_components((Checkpoint, RecordData))
    return _KEYS.union(*(struct.get("properties", ()) for struct in structs.values()))
