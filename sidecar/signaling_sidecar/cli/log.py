"""The command `sidecar log`, and its subcommands `clear`, `schema` and `export`."""

from __future__ import annotations

import argparse
import json
from collections import deque
from datetime import UTC, datetime
from typing import Any

from signaling_sidecar.cli import log_export, state_options
from signaling_sidecar.counted import counted
from signaling_sidecar.errors import NoLog
from signaling_sidecar.eventlog.clear_log import clear
from signaling_sidecar.eventlog.line import line_schema
from signaling_sidecar.eventlog.records import LeftOut, Stamp, beginning_of, read_records
from signaling_sidecar.eventlog.segments import find_segments
from signaling_sidecar.eventlog.state_dir import is_running


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "log", help="show where the event log is; copy it or delete it", description=run.__doc__
    )
    state_options.add_options(parser)
    parser.set_defaults(run=run)
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND")
    clearing = verbs.add_parser("clear", help="delete the event log", description=run_clear.__doc__)
    # No default here, because a default would overwrite a --state-dir that is given before the word `clear`.
    state_options.add_options(clearing, default=argparse.SUPPRESS)
    clearing.set_defaults(run=run_clear)
    schema = verbs.add_parser(
        "schema", help="print the JSON Schema of the lines of the event log", description=run_schema.__doc__
    )
    schema.set_defaults(run=run_schema, needs_folder=False)
    log_export.add_to(verbs)


def run(arguments: argparse.Namespace) -> int:
    """Print where the event log is, how large it is, and the time of its first and last record."""
    folder = state_options.state_dir_of(arguments)
    segments = find_segments(folder).segments
    boots = {beginning_of(segment).boot for segment in segments}
    size = sum(segment.stat().st_size for segment in segments)
    print(folder)
    print(f"{counted(len(segments), 'segment')} of {counted(len(boots), 'boot')}, {counted(size, 'byte')}")
    left_out = LeftOut(is_live=is_running(folder))
    first = next(read_records(segments, Stamp, left_out), None)
    if first is not None:
        newest = (deque(read_records([segment], Stamp, left_out), 1) for segment in reversed(segments))
        (last,) = next(filter(None, newest))
        print(f"from {_time(first.record)} to {_time(last.record)} UTC")
    state_options.report_what_was_left_out(left_out)
    return 0


def run_clear(arguments: argparse.Namespace) -> int:
    """Delete the event log. If the sidecar is running, the file that it is still writing is kept."""
    folder = state_options.state_dir_of(arguments)
    if not folder.is_dir():
        raise NoLog(str(folder))
    cleared = clear(folder)
    print(f"deleted {counted(cleared.files, 'file')} of {folder}, {counted(cleared.size_bytes, 'byte')}")
    if cleared.kept is not None and cleared.not_locked is not None:
        print(f"{cleared.kept.name} was kept, because the folder cannot be locked ({cleared.not_locked})")
        print("stop the sidecar, if it is running, and delete the file yourself")
    elif cleared.kept is not None:
        print(f"the sidecar is running, so {cleared.kept.name} was kept: it is still being written")
    else:
        print("the next start of the sidecar will have no rooms and no sessions")
    return 0


def run_schema(arguments: argparse.Namespace) -> int:
    """Print the JSON Schema of the lines of the event log. The field `data` of a line contains JSON as text."""
    print(json.dumps(line_schema(), indent=2))
    return 0


def _time(stamp: Stamp) -> str:
    return f"{datetime.fromtimestamp(stamp.ts, UTC):%Y-%m-%d %H:%M:%S}"
