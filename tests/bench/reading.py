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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from signaling_sidecar.eventlog.segment_text import whole_lines
from signaling_sidecar.eventlog.segments import find_segments
from tests.bench.log_generator import write_log

if TYPE_CHECKING:
    from signaling_sidecar.inspection import EventLog

TABLES = ("rooms", "sessions", "signals", "pairs", "candidates")
CASES = ("read_json", "events", "one_room", "ladder", *TABLES)
A_MILLION = 1_000_000  # the targets are for a log with this number of events
MAX_TIME_RATIO, MAX_MEMORY_RATIO = 0.1, 0.25  # the targets for `.events`, relative to read_json
MAX_S = {"sessions": 3.0, "signals": 6.0, "pairs": 10.0, "one_room": 1.0, "ladder": 1.0}  # without reading `.events`
MAX_PEAK_MB = 1500.0  # megabytes, including the memory of `.events`
RECORDS_PER_SEGMENT = 12_800  # together they have 8 MiB, the default size of a segment
MIN_SEGMENTS = 10
WHOLE = "whole.json"  # the same records in one uncompressed file, which is what read_json can read
MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024  # getrusage(2) counts bytes on macOS, and kilobytes on Linux


class Figure(NamedTuple):
    """A measured value, and the value that it should not exceed, if there is one."""

    name: str
    value: float
    unit: str
    target: float | None

    def __str__(self) -> str:
        measured = f"{self.name:42}{self.value:10,.4g} {self.unit}"
        if self.target is None:
            return f"  {measured}".rstrip()
        return f"{'✓' if self.value <= self.target else '✗'} {measured:60} (target: at most {self.target:,.4g})"


class Measured(NamedTuple):
    seconds: float
    peak_mb: float
    """The peak memory in 10⁶ bytes, without the memory of the imported modules."""
    rows: int


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=A_MILLION, help="the size of the generated log")
    parser.add_argument("--folder", type=Path, help="read this log instead of a generated one")
    parser.add_argument("--json", action="store_true", help="print the results once more, as one line of JSON")
    parser.add_argument("--case", choices=CASES, help="measure only this, in this process, and print JSON")
    asked = parser.parse_args(arguments)
    if asked.case is not None:
        print(json.dumps(measure(asked.case, asked.folder)))
    elif asked.folder is not None:
        report(asked.folder, as_json=asked.json)
    else:
        with tempfile.TemporaryDirectory() as folder:
            print(f"writing a log of {asked.events:,} events", flush=True)
            write_log(Path(folder), asked.events, max(MIN_SEGMENTS, asked.events // RECORDS_PER_SEGMENT))
            report(Path(folder), as_json=asked.json)


def report(folder: Path, *, as_json: bool = False) -> None:
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
    found = figures(measured)
    print(*found, sep="\n")
    if as_json:
        cases = {case: it._asdict() for case, it in measured.items()}
        print(json.dumps({"reading": {"cases": cases, "figures": [figure._asdict() for figure in found]}}))


def figures(measured: Mapping[str, Measured]) -> list[Figure]:
    """Compare the measurements with the targets. There are only targets for a log of a million events: with a small
    log, pandas itself takes most of the memory and a part of the time."""
    read_json, events = measured["read_json"], measured["events"]
    has_targets = events.rows == A_MILLION

    def figure(name: str, value: float, unit: str, target: float) -> Figure:
        return Figure(name, value, unit, target if has_targets else None)

    ratios = [figure("time of .events, of read_json's", events.seconds / read_json.seconds, "", MAX_TIME_RATIO)]
    if read_json.peak_mb > 0:  # a small log may need less memory than the imports of the process
        ratio = events.peak_mb / read_json.peak_mb
        ratios.append(figure("memory of .events, of read_json's", ratio, "", MAX_MEMORY_RATIO))
    return [
        *ratios,
        *(figure(f"time of {_shown(case)}", measured[case].seconds, "s", limit_s) for case, limit_s in MAX_S.items()),
        *(figure(f"memory of {_shown(case)}", measured[case].peak_mb, "MB", MAX_PEAK_MB) for case in TABLES),
    ]


def _shown(case: str) -> str:
    return f".{case}" if case in TABLES else case


def measure_in_a_process(case: str, folder: Path) -> Measured:
    command = [sys.executable, "-m", "tests.bench.reading", "--case", case, "--folder", str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Measured(*json.loads(done.stdout))


def measure(case: str, folder: Path) -> Measured:
    # Imported here because the memory of the imports is subtracted, and because the parent process does not need them.
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
