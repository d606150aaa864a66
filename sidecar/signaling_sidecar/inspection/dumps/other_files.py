"""Says what a file is that was opened as a dump, but is not one, and what to do instead."""

from __future__ import annotations

import re

OLD_RTCSTATS = b'"peerConnections"'
"""A name in the files of the first version of rtcstats-server. These files also have an empty `PeerConnections`."""
_DOWNLOAD = "download a dump at chrome://webrtc-internals instead"
_UNKNOWN = "is neither a webrtc-internals dump nor an rtcstats file: chrome://webrtc-internals downloads both"
_OLD_RTCSTATS = f"is from Jitsi's or an old rtcstats-server, and does not begin with the line RTCStatsDump: {_DOWNLOAD}"
_OF_FIREFOX = (
    "is from Firefox's about:webrtc, which records no times: in Firefox let the pages report their connections, with "
    "signaling({ trace: true }) in vite.config"
)
_NAMES = {
    _OF_FIREFOX: (b"about:webrtc", b"aboutWebrtc", b'"sdpHistory"', b'"iceCandidatePairStats"'),
    _OLD_RTCSTATS: (OLD_RTCSTATS, b'"statsSessionId"'),
}
"""Names that are somewhere in such a file."""
_BEGINNINGS = {
    "is the log of a sidecar: read it with open_log": rb'\{"v":\d+,"seq":',
    "is a ZIP archive: unpack it, and open the file in it": rb"PK\x03\x04",
    _OLD_RTCSTATS: rb'\["\w[\w.]*", ?(null|"[^"]*"),',
    f"is a capture of packets: {_DOWNLOAD}": rb"\xd4\xc3\xb2\xa1|\xa1\xb2\xc3\xd4|[\s\S]{0,4}\x4d\x3c\x2b\x1a",
    f"is an RTP dump: {_DOWNLOAD}": rb"#!rtpplay",
    f"is a HAR, a recording of HTTP requests: {_DOWNLOAD}": rb'\{\s*"log"\s*:',
    f"is a web page: {_DOWNLOAD}": rb"(?i:<!doctype html|<html)",
}


def other_kind(content: bytes) -> str:
    """Return what a file is that is not a dump, as the end of the sentence of `NoDump`."""
    for sentence, names in _NAMES.items():
        if any(name in content for name in names):
            return sentence
    return next((sentence for sentence, begins in _BEGINNINGS.items() if re.match(begins, content)), _UNKNOWN)
