"""Small logs, written by hand, for the tests of the inspection."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

T0_S = 1_795_000_000.0
"""2026-11-18 11:06:40 UTC. In these logs, `at` is the number of seconds since this time."""


def record(seq: int, at: float, type_: str, **fields: Any) -> str:
    """One line of a log. If `data` is an object, it is encoded as JSON text, as in real logs."""
    if not isinstance(fields.get("data", ""), str):
        fields["data"] = json.dumps(fields["data"])
    return json.dumps({"v": 1, "seq": seq, "ts": T0_S + at, "type": type_, **fields})


def header(boot: str, *, at: float = 0.0, seq: int = 1) -> str:
    return record(seq, at, "log.header", data={"boot": boot, "segment": 1, "version": "0.1.0"})


def write_segment(path: Path, lines: Iterable[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


BAR = {"dialect": "rooms", "room": "bar"}
ANN = {**BAR, "peer": "ann", "session": "s-ann"}
BEN = {**BAR, "peer": "ben", "session": "s-ben"}

TWO_PEERS = [
    header("b00t"),
    record(2, 0.1, "connection.opened", dialect="rooms", connection=1, data={"remote": "127.0.0.1"}),
    record(3, 1.0, "room.created", **BAR, data={"listed": True}),
    record(4, 1.0, "peer.joined", **ANN, connection=1, data={"name": "Ann", "instance": "p1", "joined_at_ms": 1}),
    record(5, 2.0, "peer.joined", **BEN, connection=2, data={"instance": "p2", "joined_at_ms": 2}),
    record(
        6, 2.5, "signal.relayed", **BEN, connection=2, to="ann", kind="offer", bytes=60,
        data={"type": "offer", "to": "ann", "sdp": "v=0\r\na=ice-ufrag:BENu\r\n"},
    ),
    record(
        7, 2.6, "signal.relayed", **ANN, connection=1, to="ben", kind="answer", bytes=62,
        data={"type": "answer", "to": "ben", "sdp": "v=0\r\na=ice-ufrag:ANNu\r\n"},
    ),
    record(
        8, 2.7, "signal.relayed", **BEN, connection=2, to="ann", kind="candidate", bytes=120,
        data={"candidate": {"candidate": "candidate:1 1 udp 99 b.local 5000 typ host ufrag BENu"}},
    ),
    record(9, 3.0, "signal.relayed", **ANN, connection=1, kind="broadcast", bytes=21, data={"type": "broadcast"}),
    record(10, 4.0, "peer.away", **BEN, connection=2, data={"ending": "unloaded", "grace_s": 5.0}),
    record(11, 5.5, "peer.resumed", **BEN, connection=3, data={"instance": "p3"}),
    record(12, 6.0, "peer.updated", **ANN, connection=1, data={"name": "Anna"}),
    record(13, 7.0, "peer.left", **BEN, data={"reason": "left"}),
    record(
        14, 7.1, "signal.refused", **ANN, connection=1, to="ben", kind="candidate",
        data={"code": "no-such-peer", "message": "no other peer 'ben' in this room", "count": 1},
    ),
    record(15, 8.0, "peer.away", **ANN, connection=1, data={"ending": "lost", "grace_s": 30.0}),
    record(16, 10.0, "server.stopped"),
]  # fmt: skip

IN_A_CLUSTER = [
    *TWO_PEERS[:7],
    record(8, 3, "instance.joined", data={"instance": 3}),
    record(9, 3.1, "instance.left", data={"instance": 1, "stopped": False}),
    record(10, 3.1, "connection.closed", **BEN, connection=1_000_000_002, data={"ending": "stopped", "by": "sidecar"}),
    record(11, 3.1, "peer.away", **BEN, connection=1_000_000_002, data={"ending": "stopped"}),
    record(12, 3.1, "owner.changed", data={"instance": 2, "fence": 2, "before": 1}),
    record(13, 3.2, "peer.resumed", **BEN, connection=2_000_000_001, data={}),
    record(14, 3.3, "instance.left", data={"instance": 3, "stopped": True}),
    record(15, 3.4, "owner.changed", data={"instance": 2, "fence": 3, "before": 2}),
    record(16, 4, "peer.left", **BEN, connection=2_000_000_001, data={"reason": "left"}),
]
"""A cluster of two sidecars. The one to which Ben is connected is lost, and he resumes at the other. A third sidecar
joins the cluster and stops."""
