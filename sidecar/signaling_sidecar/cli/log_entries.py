"""The options by which users of `sidecar why` and `sidecar ladder` choose a log, and the functions that read it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from signaling_sidecar.cli import remote_sidecar, state_options
from signaling_sidecar.cli.sidecar_clock import SidecarClock
from signaling_sidecar.diagnosis import Entry, read_entries
from signaling_sidecar.eventlog.records import LeftOut
from signaling_sidecar.eventlog.segments import NEWEST_BYTES, find_segments, newest_of
from signaling_sidecar.eventlog.state_dir import is_running
from signaling_sidecar.progress import Progress

LONG_READ_BYTES = 2 * NEWEST_BYTES  # reading a larger log takes more than a second, so a progress bar is shown at once


class LogEntries(NamedTuple):
    """A log that is being read. `left_out` counts the lines that could not be read so far."""

    entries: Iterator[Entry]
    left_out: LeftOut
    is_live: bool
    """Whether the sidecar that writes the log is running."""
    clock: SidecarClock
    """The clock of that sidecar. If it is on another machine, `clock` is right when all entries have been read."""


def add_options(parser: Any) -> None:
    state_options.add_options(parser)
    remote_sidecar.add_option(parser)
    parser.add_argument(
        "--log",
        type=Path,
        metavar="PATH",
        help="a file of the event log, or a folder of them, instead of a state folder",
    )
    parser.add_argument("--all", action="store_true", help="read the whole log instead of its newest part")


def read(arguments: argparse.Namespace) -> LogEntries:
    """Begin to read the log that the options select. Raises the errors of `find_segments` and `find_state_dir`."""
    if arguments.url is not None:
        left_out = LeftOut(is_live=True)
        clock = SidecarClock()
        return LogEntries(_of_remote(arguments.url, left_out, clock), left_out, is_live=True, clock=clock)
    folder = arguments.log or state_options.state_dir_of(arguments)
    segments = find_segments(folder).segments
    is_live = arguments.log is None and is_running(folder)
    left_out = LeftOut(is_live=is_live)
    entries = _with_progress(segments if arguments.all else newest_of(segments), left_out)
    return LogEntries(entries, left_out, is_live, SidecarClock())


def report_last_run(arguments: argparse.Namespace, last_ts: float) -> None:
    """Print on stderr that no sidecar is running, and that the log of the last run ends at `last_ts`.

    Prints nothing with `--log`, whose users expect an old log. Prints nothing either if the log has no records, and
    `last_ts` is therefore 0.
    """
    if arguments.log is None and last_ts > 0:
        at = f"{datetime.fromtimestamp(last_ts, UTC):%Y-%m-%d %H:%M:%SZ}"
        print(f"sidecar: no sidecar is running; this is the last run, whose log ends at {at}", file=sys.stderr)


def _of_remote(url: str, left_out: LeftOut, clock: SidecarClock) -> Iterator[Entry]:
    """Download the log of the sidecar at this URL into a temporary file, and yield the entries of the file."""
    with TemporaryDirectory(prefix="signaling-") as folder:
        copy = Path(folder) / "events.jsonl"
        with copy.open("wb") as file:
            file.writelines(remote_sidecar.records(url, clock))
        yield from read_entries([copy], left_out)


def _with_progress(segments: Sequence[Path], left_out: LeftOut) -> Iterator[Entry]:
    size_bytes = sum(segment.stat().st_size for segment in segments if segment.exists())
    with Progress("reading", len(segments), is_long=size_bytes > LONG_READ_BYTES) as progress:
        yield from read_entries(segments, left_out, progress.reached)
