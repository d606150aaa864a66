"""`sidecar tail`"""

from __future__ import annotations

import argparse
import json
import time
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from signaling_sidecar.cli import state
from signaling_sidecar.errors import NoLog
from signaling_sidecar.eventlog import FRAME_RECORDS
from signaling_sidecar.eventlog.records import LeftOut, Stamp, is_record, read_records
from signaling_sidecar.eventlog.segment_text import whole_lines
from signaling_sidecar.eventlog.segments import find_segments
from signaling_sidecar.eventlog.state_dir import is_running
from signaling_sidecar.untrusted_text import visible

POLL_S = 0.2  # seconds between two looks at the file: a person reads along
SHOWN_CHARS = 120  # characters of a record's data on one line of a terminal
LINES = 20  # records of the past that are shown first


def add_to(commands: Any) -> None:
    parser = commands.add_parser("tail", help="show the event log, live", description=run.__doc__)
    state.add_options(parser)
    parser.add_argument("-n", type=int, default=LINES, metavar="N", help=f"records of the past to begin with ({LINES})")
    parser.add_argument("--no-follow", action="store_true", help="stop at the end of the log")
    parser.add_argument("--json", action="store_true", help="print the records as they are in the file")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show what happens in the running sidecar, or what happened in the last one, a line for each record."""
    folder = state.chosen(arguments)
    segments = _segments(folder)
    newest = segments[-1] if segments else None
    position = len(whole_lines(newest)) if newest is not None else 0  # before the past is read: nothing falls between
    left_out = LeftOut(is_live=is_running(folder))
    past = read_records([newest] if newest is not None else [], Stamp, left_out)
    for read in deque(past, max(arguments.n, 0)):
        _show(read.line, arguments.json)
    state.say_what_is_left_out(left_out)
    if not arguments.no_follow:
        for line in _follow(folder, newest, position):
            _show(line, arguments.json)
    return 0


def _segments(folder: Path) -> list[Path]:
    try:
        return list(find_segments(folder).segments)
    except NoLog:  # a sidecar that is started later will write one
        return []


def _follow(folder: Path, segment: Path | None, position: int) -> Iterator[bytes]:
    """Each new line, in this segment and those that come after it, also of a sidecar that is started later."""
    while True:
        there = _segments(folder)
        is_there = segment is not None and _name(segment) in map(_name, there)
        # One that is gone was cleared: then runs are counted from 1 again.
        later = [path for path in there if not is_there or segment is None or _name(path) > _name(segment)]
        if segment is not None and is_there:  # after the look for later ones: if there is one, this one has ended
            text = whole_lines(segment, position)
            position += len(text)
            yield from filter(is_record, text.splitlines())
        if later:
            segment, position = later[0], 0
        else:
            time.sleep(POLL_S)


def _name(segment: Path) -> str:
    return segment.name.removesuffix(".gz")


def _show(line: bytes, as_json: bool) -> None:
    print(line.decode(errors="replace") if as_json else describe(json.loads(line)), flush=True)


def describe(record: dict[str, Any]) -> str:
    """One record as a line for people."""
    at = datetime.fromtimestamp(record["ts"]).strftime("%H:%M:%S.%f")[:-3]
    parts = [at, f"{record['type']:17}"]
    if "room" in record:
        parts.append(f"{record.get('dialect')}/{record['room']}")
    if "peer" in record:
        parts.append(record["peer"])
    if record["type"].startswith("signal."):
        parts.append(f"{record.get('kind', '?')} → {record.get('to', 'all')}")
        parts.append(f"{record.get('bytes', 0)} B")
    if "data" in record and record["type"] not in FRAME_RECORDS:
        data = record["data"]
        parts.append(data if len(data) <= SHOWN_CHARS else data[:SHOWN_CHARS] + "…")
    return "  ".join(visible(str(part)) for part in parts)
