"""Measure the CPU time of the analysis that the inspector shows, on the log of a busy sidecar.

    python -m tests.bench.watching

The first analysis reads the whole newest part of the log. Each later analysis, called a look, reads only the records
that were added after the analysis before it. The time for a look is compared with the time for the first analysis. The
figures are CPU times, because the analysis runs in a process of its own.
"""

from __future__ import annotations

import argparse
import gc
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from signaling_sidecar.analysis.log_window import Logged, LogWindow
from signaling_sidecar.analysis.overview import overview
from signaling_sidecar.analysis.seen import Read
from tests.bench.log_generator import BOOT, write_log
from tests.bench.reading import RECORDS_PER_SEGMENT

Made = TypeVar("Made")
EVENTS = 200_000
AT_ONCE = 500  # records that are added between two looks at the log; a busy sidecar writes as many in half a second
LOOKS = 20


class Result(NamedTuple):
    records: int
    """The number of records in the part of the log that is analysed."""
    first_s: float
    """The CPU time of the first analysis, which reads this whole part."""
    look_s: float
    """The median CPU time of a look, which analyses the records that were added since the previous look."""


def measure(folder: Path, looks: int = LOOKS, at_once: int = AT_ONCE) -> Result:
    gc.disable()  # the garbage collector is also off in the process that analyses the log
    try:
        entries, read_s = _timed(lambda: LogWindow(folder, BOOT).grow().entries)
        whole = len(entries) - looks * at_once
        read = Read(BOOT)
        first_s = _look(read, entries[:whole])
        looks_s = sorted(_look(read, entries[at : at + at_once]) for at in range(whole, len(entries), at_once))
        return Result(len(entries), read_s + first_s, looks_s[len(looks_s) // 2])
    finally:
        gc.enable()


def _look(read: Read, entries: Sequence[Logged]) -> float:
    def look() -> bytes:
        read.add(entries)
        return msgspec.msgpack.encode(overview(read.seen(time.time())))

    return _timed(look)[1]


def _timed(work: Callable[[], Made]) -> tuple[Made, float]:
    began_s = time.process_time()
    result = work()
    return result, time.process_time() - began_s


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS, help="the size of the generated log")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        write_log(Path(folder), asked.events, max(2, asked.events // RECORDS_PER_SEGMENT))
        result = measure(Path(folder))
    if asked.json:
        print(json.dumps(result._asdict()))
        return
    print(f"the newest part of the log has {result.records:,} records")
    print(f"the first analysis of this part takes {result.first_s:.2f} s of CPU time")
    print(
        f"an update after {AT_ONCE} more records takes {result.look_s:.3f} s, "
        f"{result.look_s / result.first_s:.3f} of the time of the first analysis"
    )


if __name__ == "__main__":
    main()
