"""`sidecar log`"""

from __future__ import annotations

import argparse
import json
from collections import deque
from datetime import datetime
from typing import Any

from signaling_sidecar.cli import log_export, state_options
from signaling_sidecar.errors import NoLog
from signaling_sidecar.eventlog.clear_log import clear
from signaling_sidecar.eventlog.line import line_schema
from signaling_sidecar.eventlog.records import LeftOut, Stamp, beginning_of, read_records
from signaling_sidecar.eventlog.segments import find_segments
from signaling_sidecar.eventlog.state_dir import is_running


def add_to(commands: Any) -> None:
    parser = commands.add_parser("log", help="where the event log is; copy it, clear it", description=run.__doc__)
    state_options.add_options(parser)
    parser.set_defaults(run=run)
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND")
    clearing = verbs.add_parser("clear", help="delete it", description=run_clear.__doc__)
    # Without a default of their own: they would undo a --state-dir that stands before the verb.
    state_options.add_options(clearing, default=argparse.SUPPRESS)
    clearing.set_defaults(run=run_clear)
    schema = verbs.add_parser("schema", help="print the JSON Schema of its lines", description=run_schema.__doc__)
    schema.set_defaults(run=run_schema)
    log_export.add_to(verbs)


def run(arguments: argparse.Namespace) -> int:
    """Say where the event log is, how large it is, and of what time."""
    folder = state_options.state_dir_of(arguments)
    segments = find_segments(folder).segments
    boots = {beginning_of(segment).boot for segment in segments}
    size = sum(segment.stat().st_size for segment in segments)
    print(folder)
    print(f"{_count(len(segments), 'segment')} of {_count(len(boots), 'boot')}, {_count(size, 'byte')}")
    left_out = LeftOut(is_live=is_running(folder))
    first = next(read_records(segments, Stamp, left_out), None)
    if first is not None:
        newest = (deque(read_records([segment], Stamp, left_out), 1) for segment in reversed(segments))
        (last,) = next(filter(None, newest))
        print(f"from {_time(first.record)} to {_time(last.record)}")
    state_options.report_what_was_left_out(left_out)
    return 0


def run_clear(arguments: argparse.Namespace) -> int:
    """Delete the event log. While its sidecar runs, the segment that it writes stays."""
    folder = state_options.state_dir_of(arguments)
    if not folder.is_dir():
        raise NoLog(str(folder))
    cleared = clear(folder)
    print(f"deleted {_count(cleared.files, 'file')} of {folder}, {_count(cleared.size_bytes, 'byte')}")
    if cleared.kept is not None:
        print(f"its sidecar is running: {cleared.kept.name} stays, which it goes on with")
    else:
        print("the next start begins with no rooms and no sessions")
    return 0


def run_schema(arguments: argparse.Namespace) -> int:
    """Print the JSON Schema of the event log's lines; the `data` of each is JSON text of its own."""
    print(json.dumps(line_schema(), indent=2))
    return 0


def _time(stamp: Stamp) -> str:
    return f"{datetime.fromtimestamp(stamp.ts):%Y-%m-%d %H:%M:%S}"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
