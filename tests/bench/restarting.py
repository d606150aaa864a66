"""Measure the time and memory of a sidecar that restarts with a full event log.

    python -m tests.bench.restarting

The hub and the log writer of a sidecar write a log, until it has the size at which the default settings begin to delete
segments. Then a sidecar is started with this log several times, and is stopped or killed in turns. Between these
restarts, other sidecars start in empty folders, for comparison.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from signaling_sidecar.eventlog.previous_run import newest_run
from signaling_sidecar.eventlog.records import LeftOut, read_records
from signaling_sidecar.hub import Past
from signaling_sidecar.settings import Settings
from tests.bench.full_log import size_of_log, write_full_log

MAX_READY_S, MAX_KEPT_MB = 1.0, 20.0
"""The requirements for a restart: the time until it is ready, and the memory in addition to that of a first start."""
SETTLED_S = 0.3  # seconds after which the memory of a started sidecar is measured


class Start(NamedTuple):
    ready_s: float
    """The seconds from the start of the process until it accepts connections."""
    memory_mb: float


class Result(NamedTuple):
    log_mb: float
    restored: int
    """The number of sessions that the last restart has restored."""
    first: Start
    """The starts in empty folders: the least time and memory of all rounds."""
    again: Start
    """The restarts with the full log: the least time and the most memory of all rounds."""

    @property
    def kept_mb(self) -> float:
        return self.again.memory_mb - self.first.memory_mb


def measure(total_bytes: int, rounds: int) -> Result:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        full = Path(folder) / "full"
        write_full_log(full, total_bytes)
        log_mb = size_of_log(full) / 1e6
        first, again = list[Start](), list[Start]()
        for number in range(rounds):
            first.append(_start(Path(folder) / f"empty-{number}", killed=True))
            again.append(_start(full, killed=number % 2 == 0))
        restored = _restored(full)
    best = Start(*map(min, zip(*first, strict=True)))
    figures = Start(min(each.ready_s for each in again), max(each.memory_mb for each in again))
    return Result(log_mb, restored, best, figures)


def _restored(folder: Path) -> int:
    """Return the number of sessions that the last sidecar has restored."""
    for read in read_records(newest_run(folder), Past, LeftOut()):
        if read.record.type == "server.restored":
            sessions: int = json.loads(read.record.data or "")["sessions"]
            return sessions
    return 0


def _start(folder: Path, *, killed: bool) -> Start:
    words = [sys.executable, "-m", "signaling_sidecar", "serve", "--port", "0"]
    where = ["--state-dir", folder, "--project", folder.parent]
    began_s = time.perf_counter()
    with subprocess.Popen([*words, *where], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        json.loads(process.stdout.readline())
        ready_s = time.perf_counter() - began_s
        time.sleep(SETTLED_S)
        memory_mb = psutil.Process(process.pid).memory_info().rss / 1e6
        (process.kill if killed else process.terminate)()
    return Start(ready_s, memory_mb)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only a log of 20 MB, and one round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    asked = parser.parse_args(arguments)
    total_bytes = 20_000_000 if asked.quick else Settings().log_total_bytes
    result = measure(total_bytes, 1 if asked.quick else asked.rounds)
    if asked.json:
        print(json.dumps({"log_mb": result.log_mb, **result.again._asdict(), "kept_mb": result.kept_mb}))
        return
    print(f"a log of {result.log_mb:,.0f} MB, from which {result.restored:,} sessions are restored")
    print(f"a first start is ready in {result.first.ready_s:.2f} s, and uses {result.first.memory_mb:.0f} MB of memory")
    print(f"a restart is ready in {result.again.ready_s:.2f} s (at most {MAX_READY_S} s)")
    print(f"a restart uses {result.kept_mb:.0f} MB more than a first start (at most {MAX_KEPT_MB:.0f} MB)")


if __name__ == "__main__":
    main()
