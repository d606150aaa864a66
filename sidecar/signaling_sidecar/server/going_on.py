"""Where the last run of the sidecar stopped, this one goes on, however that one ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from signaling_sidecar.eventlog.last_run import LastRun, UnreadableRun, cut_torn_line, put_aside, read_last_run
from signaling_sidecar.hub import Hub, Restore
from signaling_sidecar.hub.effects import Record


def go_on(
    state_dir: Path, new_hub: Callable[[], Hub], now_s: float, complain: Callable[[str], None]
) -> tuple[Hub, list[Record]]:
    """Make a hub with the last run's rooms, sessions and queues, and say what is to be recorded of that.

    State that cannot be read is put aside, and the operator told; then the hub is empty.
    """
    began_s = time.perf_counter()
    torn_bytes = cut_torn_line(state_dir)
    done = [Record("log.torn", data={"bytes": torn_bytes})] if torn_bytes else []
    try:
        last = read_last_run(state_dir)
        hub = new_hub() if last is None else _restored(last, new_hub(), now_s)
    except UnreadableRun as error:
        put_aside(error.segments)
        complain(f"the state of the last run is put aside, and all rooms are empty: {error}")
        return new_hub(), done
    if last is not None:
        data = {
            "boot": last.boot,
            "records": len(last.records),
            "rooms": len(hub.membership),
            "sessions": sum(len(room.sessions) for room in hub.membership.rooms),
            "took_ms": round(1000 * (time.perf_counter() - began_s), 1),
        }
        done.append(Record("server.restored", data=data))
    return hub, done


def _restored(last: LastRun, hub: Hub, now_s: float) -> Hub:
    restore = Restore(hub)
    try:
        restore.start(last.checkpoint, last.ts)
        for record in last.records:
            restore.apply(record)
    except msgspec.DecodeError as error:
        raise UnreadableRun(last.segments, str(error)) from error
    restore.finish(now_s)
    return hub
