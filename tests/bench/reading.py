"""Measure the time and memory for reading a log, compared with `pandas.read_json(lines=True)` on the same records.

    python -m tests.bench.reading --events 1000000

Each measurement runs in a process of its own, because the peak memory of a process never decreases.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from signaling_sidecar.eventlog.segment_text import whole_lines
from signaling_sidecar.eventlog.segments import find_segments
from tests.bench.log_generator import write_log

if TYPE_CHECKING:
    from signaling_sidecar.inspection import EventLog

TABLES = ("rooms", "sessions", "signals", "pairs", "candidates")
CASES = ("read_json", "events", "one_room", "ladder", *TABLES)
MAX_TIME_RATIO, MAX_MEMORY_RATIO, MAX_ROOM_S = 0.1, 0.25, 1.0  # the requirement for a million events
WHOLE = "whole.json"  # the same records in one uncompressed file, which is what read_json can read
MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024  # getrusage(2) counts bytes on macOS, and kilobytes on Linux


class Measured(NamedTuple):
    seconds: float
    peak_mb: float
    """The memory in 10⁶ bytes, without that of the imported modules."""
    rows: int


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="read this log instead of a generated one")
    parser.add_argument("--case", choices=CASES, help="measure only this, in this process, and print JSON")
    asked = parser.parse_args(arguments)
    if asked.case is not None:
        print(json.dumps(measure(asked.case, asked.folder)))
    elif asked.folder is not None:
        report(asked.folder)
    else:
        with tempfile.TemporaryDirectory() as folder:
            print(f"writing a log of {asked.events:,} events", flush=True)
            write_log(Path(folder), asked.events)
            report(Path(folder))


def report(folder: Path) -> dict[str, Measured]:
    """Run all measurements on one log, and print the results."""
    segments = find_segments(folder).segments
    with (folder / WHOLE).open("wb") as whole:
        whole.writelines(map(whole_lines, segments))
    size = (folder / WHOLE).stat().st_size
    print(f"{len(segments)} segments, {size / 1e6:,.0f} MB unpacked", flush=True)
    measured = {}
    for case in CASES:
        it = measured[case] = measure_in_a_process(case, folder)
        print(f"{case:12}{it.seconds:9.2f} s {it.peak_mb:9,.0f} MB {it.rows:12,} rows", flush=True)
    read_json, events = measured["read_json"], measured["events"]
    time_ratio, memory_ratio = events.seconds / read_json.seconds, events.peak_mb / read_json.peak_mb
    print(f".events takes {time_ratio:.3f} of read_json's time (at most {MAX_TIME_RATIO})")
    print(f".events takes {memory_ratio:.3f} of read_json's memory (at most {MAX_MEMORY_RATIO})")
    for case in ("one_room", "ladder"):
        print(f"{case} takes {measured[case].seconds:.2f} s (at most {MAX_ROOM_S})")
    return measured


def measure_in_a_process(case: str, folder: Path) -> Measured:
    command = [sys.executable, "-m", "tests.bench.reading", "--case", case, "--folder", str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Measured(*json.loads(done.stdout))


def measure(case: str, folder: Path) -> Measured:
    # Imported here because the memory of the imports is measured separately, and the parent process needs none of them.
    import pandas as pd

    from signaling_sidecar.inspection import open_log

    imported_bytes = _peak_bytes()
    began_s = time.perf_counter()
    if case == "read_json":
        result: Any = pd.read_json(folder / WHOLE, lines=True)
    else:
        log = open_log(folder)
        result = log.events
        if case != "events":
            act = _prepare(case, log)
            began_s = time.perf_counter()
            result = act()
    seconds = time.perf_counter() - began_s
    return Measured(seconds, (_peak_bytes() - imported_bytes) / 1e6, len(result))


def _prepare(case: str, log: EventLog) -> Callable[[], Any]:
    if case in TABLES:
        return lambda: getattr(log, case)
    events = log.events
    room = events["room"].dropna().iloc[len(events) // 2]

    return {"one_room": lambda: events[events["room"] == room], "ladder": lambda: str(log.ladder(room)).splitlines()}[
        case
    ]


def _peak_bytes() -> int:
    # On Linux, ru_maxrss includes the memory of the parent process at the fork. VmHWM only counts this process.
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_BYTES


if __name__ == "__main__":
    main()
