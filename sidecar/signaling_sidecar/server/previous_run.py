"""Restores the rooms, sessions and queues of the previous run from its event log, even if that run has crashed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from signaling_sidecar.errors import NOT_JSON, DamagedLog, why_not_json
from signaling_sidecar.eventlog.previous_run import cut_torn_line, is_copy, newest_run, read_last_run
from signaling_sidecar.eventlog.records import LeftOut, Read
from signaling_sidecar.hub import Checkpoint, Hub, Past, Restore, read_back
from signaling_sidecar.hub.effects import Record


def restore_previous_run(
    state_dir: Path, new_hub: Callable[[], Hub], now_s: float, complain: Callable[[str], None]
) -> tuple[Hub, list[Record]]:
    """Return a hub with the state of the previous run, and records that tell what was restored.

    Nothing is restored from the log of a cluster. Parts of the log that cannot be read are left out, and `complain` is
    called with a sentence about them. The log is not changed, except that an incomplete last line is cut off.
    """
    began_s = time.perf_counter()
    segments = newest_run(state_dir)
    if segments and is_copy(segments):
        complain(
            "the last sidecar in this state folder was part of a cluster: its rooms are not restored, because the "
            "cluster may still have them (start with --cluster to be part of the cluster again)"
        )
        return new_hub(), []
    torn_bytes = cut_torn_line(segments)
    done = [Record("log.torn", data={"bytes": torn_bytes})] if torn_bytes else []
    hub, left_out = new_hub(), LeftOut()
    restored = _restore(read_last_run(segments, left_out), hub, now_s, left_out)
    if sentence := str(left_out):
        complain(f"the state of the last run is not restored completely: {sentence}")
    if restored is not None:
        data = {
            "boot": restored.boot,
            "records": restored.records,
            "rooms": len(hub.membership),
            "sessions": sum(len(room.sessions) for room in hub.membership.rooms),
            "took_ms": round(1000 * (time.perf_counter() - began_s), 1),
        }
        done.append(Record("server.restored", data=data))
    return hub, done


@dataclass
class _Restored:
    boot: str
    records: int = 0


def _restore(run: Iterator[Read[Past]], hub: Hub, now_s: float, left_out: LeftOut) -> _Restored | None:
    """Apply the records of the run to the hub. Returns None if the run has no records."""
    restore = Restore(hub)
    restored, checkpoint_seq = None, None
    for boot, record, _, segment, number in run:
        restored = restored or _Restored(boot)
        reason = None
        if record.type == "log.checkpoint" and checkpoint_seq is None:
            checkpoint_seq, reason = record.seq, _start(restore, record)
        elif (
            checkpoint_seq is None or record.seq > checkpoint_seq
        ):  # the checkpoint contains the effect of all earlier records
            restored.records += 1
            reason = restore.apply(record)
        if reason is not None:
            left_out.add(DamagedLog(str(segment), number, reason))
    restore.finish(now_s)
    return restored


def _start(restore: Restore, record: Past) -> str | None:
    """Load a checkpoint into the hub. Returns the reason why parts of it had to be left out, or None."""
    try:
        state, left_out = read_back(record.data or "", Checkpoint)
    except NOT_JSON as error:
        return why_not_json(error)
    restore.start(state, record.ts)
    return "; ".join(left_out) or None
