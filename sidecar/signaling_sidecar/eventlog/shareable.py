"""Which strings, keys and numbers of a record a shared copy keeps: words of the sidecar, of a dialect, or of WebRTC.

These are lists of what is allowed, so whatever nobody has thought of is not shared. A word is allowed under its own
keys only, because a peer may be called `offer`.
"""

from __future__ import annotations

import re
from dataclasses import fields
from typing import NamedTuple, get_args

from signaling_sidecar.errors import Code
from signaling_sidecar.eventlog.payload import CANDIDATE_TYPES, SDP_TYPES
from signaling_sidecar.hub.effects import Numbered
from signaling_sidecar.hub.payloads import BASE64
from signaling_sidecar.hub.rules import Ending, Reason
from signaling_sidecar.settings import Settings

MIDS = frozenset({*map(str, range(32)), "audio", "video", "data"})  # what browsers name their media sections
VERSION = re.compile(r"\d{1,3}\.\d{1,3}(\.\d{1,3})?((a|b|rc)\d{1,3})?")  # of three parts: four are an address
VERSIONED = frozenset({"version", "python", "aiohttp"})

_ADDRESS_CLASSES = frozenset({"mdns", "name", "loopback", "link-local", "private", "public", "shared", "reserved"})
_KEPT_MESSAGES = frozenset(type_.__name__ for type_ in get_args(Numbered))  # what a checkpoint keeps for a session


class DialectWords(NamedTuple):
    """The words of the dialects, which this package does not know."""

    names: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    """The kinds of frames."""
    modes: frozenset[str] = frozenset()
    """The modes of rooms."""

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
    "reason": frozenset(Reason) | frozenset(Ending) | frozenset(Code) | {"replaced", "restart", "idle", "full"},
    "by": frozenset({"peer", "sidecar"}),
    "payloads": frozenset({"full", "summary", "none"}),
    "hook": frozenset({"admit", "room_rules", "on_join", "on_relay", "on_leave"}),
    "protocol": frozenset({"udp", "tcp", "other"}),
    "address_class": _ADDRESS_CLASSES | {f"{each}-ipv6" for each in _ADDRESS_CLASSES},
    "sdpMid": MIDS,
}
"""By key, the strings that are kept in every log. `DialectWords.by_key` adds those of the dialects."""

TRACE_WORDS: dict[str, frozenset[str]] = {
    "event": frozenset({"page", "opened", "state", "selected", "stats", "error", "closed"}),
    "policy": frozenset({"all", "relay"}),  # this and the states: W3C WebRTC 4.3 and 5.5
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
    # Web IDL's names of what an RTCPeerConnection throws: the diagnosis looks at one of them.
    "name": frozenset(
        {
            *("InvalidStateError", "OperationError", "InvalidAccessError", "InvalidModificationError"),
            *("NotSupportedError", "NetworkError", "SyntaxError", "TypeError", "RTCError"),
        }
    ),
}
"""The same for what browsers report, where these keys mean something else than in an app's own frames."""

KINDS: dict[str, str] = {
    **dict.fromkeys(("peer", "to", "from", "peerId", "userId", "targetUserId", "peers", "matched", "host"), "peer"),
    **dict.fromkeys(("room", "roomId", "target", "pairingCode"), "room"),
    **dict.fromkeys(("session", "told"), "session"),
    **dict.fromkeys(("token", "issued", "proven"), "token"),
    **dict.fromkeys(("ufrag", "usernameFragment", "localUfrag", "remoteUfrag"), "ufrag"),
    **dict.fromkeys(("link", "forLink"), "link"),
    **dict.fromkeys(("project", "state_dir", "hooks"), "path"),
    **dict.fromkeys(("instance", "page"), "page"),
    **{name: name for name in ("boot", "pc", "name", "message", "origin", "dialect", "kind", "code", "reason")},
    "title": "title",
    "path": "path",
    "user_agent": "agent",
    "remote": "address",
    "sdpMid": "mid",
    "type": "kind",
}
"""By key, what a string is called that is not kept; any other key's is `text`."""

NUMBERS = frozenset(field.name for field in fields(Settings)) | {
    *("segment", "pid", "records", "rooms", "sessions", "took_ms", "bytes", "lost", "count", "code", "replaced"),
    *("capacity", "grace_s", "left_s", "idle_s", "joined_at_ms", "created_at_ms", "at_ms", "size", "by", "connection"),
    *("sent", "handled", "reached", "s", "a", "c", "round", "description_bytes"),
}
"""Keys of what the sidecar itself records, whose numbers are kept. Any other number becomes 0: it may be a telephone's
or a place's, whatever the app calls it."""

TRACE_NUMBERS = frozenset(
    {"at", "turnServers", "bytesSent", "bytesReceived", "rttMs", "packetsLost", "outgoingBitsPerSecond"}
)
"""The same for what browsers report of their connections."""

APP_WORDS = frozenset({"type", "kind", "sdpMid"})
"""The keys whose words are kept also in what an app says: WebRTC's, and the types of frames."""
APPS_OWN = frozenset({"metadata", "ref"})
"""The keys under which a record of ours holds what an app said."""
MAX_MEDIA_SECTION = 31  # the highest `sdpMLineIndex` that is kept of an app's candidates; as high as `MIDS`

KEYS = (
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
            "listed",
            "rules",
            "sessions",
            "waiting",
            "away",
            "resumption",
            "kept",
            "answered",
            "unlisted",
        ),
        *("metadata", "ref", "hook", "error", "summary", "candidate", "candidates", "sdp", "offer", "answer"),
        *(
            "description",
            "payload",
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
"""The keys that are kept; every other one gets a pseudonym too, for an app may have a name as a key."""
