"""Event logs of a cluster for tests: the records that its owner commits, and the copies that its instances write."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from signaling_sidecar.eventlog.log_copy import LogCopy
from tests.kit.inspection_log import T0_S, TWO_PEERS

CLUSTER = "r0000001-cluster"
"""The id of the cluster's run."""

COMMITTED = [json.loads(line) | {"seq": seq} for seq, line in enumerate(TWO_PEERS[1:], 1)]
"""The records of `TWO_PEERS` without the header, numbered from 1."""


def bytes_of(records: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def checkpoint_at(seq: int) -> dict[str, Any]:
    """The checkpoint that follows the record `seq` of `COMMITTED`, with only the fields that the diagnosis reads."""
    there: dict[str, dict[str, Any]] = {}
    for record in COMMITTED[:seq]:
        if record["type"] in ("peer.joined", "peer.resumed"):
            there[record["session"]] = {name: record[name] for name in ("session", "peer", "connection")}
        elif record["type"] == "peer.away":
            del there[record["session"]]["connection"]
        elif record["type"] == "peer.left":
            del there[record["session"]]
    rooms = [{"dialect": "rooms", "room": "bar", "sessions": list(there.values())}] if there else []
    return {"rooms": rooms, "waiting": []}


def copy_in(
    folder: Path, boot: str, complain: Callable[[str], None] = lambda sentence: None, **options: Any
) -> LogCopy:
    folder.mkdir(exist_ok=True)
    defaults: dict[str, Any] = {"segment_bytes": 1_000_000, "total_bytes": 1_000_000, "keep_s": 0}
    return LogCopy(
        folder,
        boot,
        cluster_boot=CLUSTER,
        header={"version": "0"},
        complain=complain,
        **(defaults | options),
    )


def begin_at(log: LogCopy, seq: int) -> None:
    ts = COMMITTED[seq - 1]["ts"] if seq else T0_S
    log.begin(json.dumps(checkpoint_at(seq)).encode(), seq, ts)


def append_until(log: LogCopy, seq: int) -> None:
    """Append the next records of `COMMITTED`, up to the record `seq`."""
    log.append(bytes_of(COMMITTED[log.seq : seq]), seq)


def copied(folder: Path, boot: str, places: Iterable[int], end: int = len(COMMITTED)) -> Path:
    """Write the log of an instance. A segment begins after each record in `places`. `end` is the last record."""
    log = copy_in(folder, boot, segment_bytes=0)
    for place in places:
        if log.seq < place and log._segment is not None:
            append_until(log, place)
        log._least_bytes = 0
        begin_at(log, place)
    append_until(log, end)
    log.close()
    return folder
