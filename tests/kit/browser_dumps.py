"""Browser dumps for tests: recorded ones, and small ones that are written by hand."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from tests.kit.checkout import ROOT
from tests.kit.inspection_log import T0_S

RECORDED = ROOT / "tests" / "recorded" / "browser-dumps"
INTERNALS, RTCSTATS = RECORDED / "webrtc_internals_dump.gz", RECORDED / "rtcstats_dump.gz"
BOTH = [INTERNALS, RTCSTATS]


def unpacked(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode()


def sdp(ufrag: str, version: int = 2) -> str:
    return f"v=0\r\no=- 77{sum(map(ord, ufrag))} {version} IN IP4 127.0.0.1\r\ns=-\r\na=ice-ufrag:{ufrag}\r\n"


def offer(ufrag: str, version: int = 2) -> dict[str, str]:
    return {"type": "offer", "sdp": sdp(ufrag, version)}


def answer(ufrag: str) -> dict[str, str]:
    return {"type": "answer", "sdp": sdp(ufrag)}


def candidate(ufrag: str, address: str) -> dict[str, str]:
    return {"candidate": f"candidate:1 1 udp 99 {address} 5000 typ host ufrag {ufrag}"}


def write_rtcstats(
    path: Path, *events: tuple[float, Any, str | None, Any], header: object = None, end: str = "\n"
) -> Path:
    """Write a dump in the format of rtcstats. Events are (seconds after `T0_S`, method, connection, value)."""
    lines = ["RTCStatsDump", json.dumps({"fileFormat": 3} if header is None else header)]
    before_s = -T0_S
    for at_s, method, connection, value in events:
        lines.append(json.dumps([method, connection, value, 1000 * (at_s - before_s)]))
        before_s = at_s
    path.write_text("\n".join(lines) + end)
    return path


def write_internals(path: Path, *events: tuple[float, str, Any], **fields: Any) -> Path:
    """Write a dump of chrome://webrtc-internals with one connection. Events are (seconds after `T0_S`, name, value)."""
    updates = [
        {"timestamp": 1000 * (T0_S + at_s), "type": name, "value": "" if value is None else json.dumps(value)}
        for at_s, name, value in events
    ]
    connection = {"pid": 7, "rtcConfiguration": "{}", "url": "http://localhost/", "stats": {}, "updateLog": updates}
    dump = {"timestamp": 1000 * T0_S, "getUserMedia": [], "PeerConnections": {"7-1": {**connection, **fields}}}
    path.write_text(json.dumps(dump))
    return path
