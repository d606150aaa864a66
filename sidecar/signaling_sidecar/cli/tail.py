"""The command `sidecar tail`."""

from __future__ import annotations

import argparse
import json
import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from signaling_sidecar.cli import remote_sidecar, state_options
from signaling_sidecar.cli.reader import pause
from signaling_sidecar.errors import DamagedLog, NoLog, UnknownSchema
from signaling_sidecar.eventlog import FRAME_RECORDS
from signaling_sidecar.eventlog.records import LeftOut, Read, Stamp, beginning_of, header_of, is_record, read_records
from signaling_sidecar.eventlog.segment_text import whole_lines
from signaling_sidecar.eventlog.segments import find_segments
from signaling_sidecar.eventlog.state_dir import is_running
from signaling_sidecar.untrusted_text import visible

POLL_S = 0.2  # seconds between two reads of a log file; short enough for a person who is reading along
SHOWN_CHARS = 120  # characters of a record's data that are printed
LINES = 20  # earlier records that are printed first


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "tail", help="print the event log, and new events while they happen", description=run.__doc__
    )
    state_options.add_options(parser)
    remote_sidecar.add_option(parser)
    parser.add_argument(
        "-n", type=int, default=LINES, metavar="N", help=f"how many earlier records to print first (default: {LINES})"
    )
    parser.add_argument(
        "--no-follow", action="store_true", help="stop at the end of the log instead of waiting for new events"
    )
    parser.add_argument("--json", action="store_true", help="print the records unchanged, as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print one line for each event of the running sidecar, or of its last run if it is not running."""
    if arguments.url is not None:
        _run_remotely(arguments)
        return 0
    folder = state_options.state_dir_of(arguments)
    segments = _segments(folder)
    newest = segments[-1] if segments else None
    # The position is determined before the earlier records are read, so that no record is missed.
    position = len(whole_lines(newest)) if newest is not None else 0
    left_out = LeftOut(is_live=is_running(folder))
    read_before = -1
    for line in _last_lines(segments, arguments.n, left_out):
        _show(line, arguments.json)
        read_before = _seq_of(line)  # records after `position` may be among these lines, and are not printed again
    state_options.report_what_was_left_out(left_out)
    if not arguments.no_follow:
        for line in _follow(folder, newest, position, read_before):
            _show(line, arguments.json)
    return 0


def _run_remotely(arguments: argparse.Namespace) -> None:
    after, boot = 0, ""
    newest: deque[bytes] = deque(maxlen=max(arguments.n, 0))
    for line in filter(is_record, remote_sidecar.records(arguments.url)):
        newest.append(line.rstrip())
        stamp = msgspec.json.decode(line, type=Stamp)
        after = stamp.seq
        if stamp.type == "log.header":
            boot = header_of(line).boot
    for line in newest:
        _show(line, arguments.json)
    if not arguments.no_follow:
        for line in filter(is_record, remote_sidecar.new_records(arguments.url, after, boot)):
            _show(line.rstrip(), arguments.json)


def _segments(folder: Path) -> list[Path]:
    try:
        return list(find_segments(folder).segments)
    except NoLog:  # no log yet; a sidecar that is started after this command will create one
        return []


def _last_lines(segments: Sequence[Path], count: int, left_out: LeftOut) -> Iterable[bytes]:
    """Return the last `count` records of the newest run. Only the segments that contain them are read."""
    found: deque[Read[Stamp]] = deque()
    newest_boot = beginning_of(segments[-1]).boot if segments else ""
    for segment in reversed(segments):
        is_newest = segment == segments[-1]
        if len(found) >= count or beginning_of(segment).boot != newest_boot:
            break
        in_segment = LeftOut(is_live=left_out.is_live and is_newest)
        # After a restart, an instance of a cluster copies the last records of the cluster into a new segment again.
        # These records are skipped here, by their numbers. The `log.*` records at the beginning of a segment do not
        # count: they have the number of the record before them.
        before = next((each.record.seq for each in found if not each.record.type.startswith("log.")), math.inf)
        records = (read for read in read_records([segment], Stamp, in_segment) if read.record.seq < before)
        try:
            found.extendleft(reversed(deque(records, count - len(found))))
        except (DamagedLog, UnknownSchema):  # no line of the segment is a record
            if is_newest:
                raise
        left_out.take(in_segment)
    return (read.line for read in found)


def _follow(folder: Path, segment: Path | None, position: int, read_before: int) -> Iterator[bytes]:
    """Yield each new line after `position` in this segment, and then the lines of the next segments. Records of this
    segment up to the number `read_before` are skipped.

    If the sidecar is restarted, the segments of its next run follow.
    """
    while True:
        there = _segments(folder)
        is_there = segment is not None and _name(segment) in map(_name, there)
        # If `sidecar log clear` has deleted the segment, the runs are numbered from 1 again, so all segments are new.
        later = [path for path in there if not is_there or segment is None or _name(path) > _name(segment)]
        # The segment is read after the folder was listed: if there was a later segment, this one is finished.
        if segment is not None and is_there:
            text = whole_lines(segment, position)
            position += len(text)
            yield from (line for line in filter(is_record, text.splitlines()) if _seq_of(line) > read_before)
        if later:
            read_before = _seq_before(segment, later[0])
            segment, position = later[0], 0
        else:
            pause(POLL_S)


def _seq_before(segment: Path | None, later: Path) -> int:
    """Return the number of the last record in `segment`. Records of the next segment `later` up to this number are
    skipped, because they are in `segment` too: after a restart, an instance of a cluster copies the cluster's last
    records again.

    Return -1, so that no record is skipped, if `later` is a segment of another run: its records have other numbers.
    """
    if segment is None or beginning_of(segment).boot != beginning_of(later).boot:
        return -1
    return max(map(_seq_of, filter(is_record, whole_lines(segment).splitlines())), default=-1)


def _seq_of(line: bytes) -> int:
    return msgspec.json.decode(line, type=Stamp).seq


def _name(segment: Path) -> str:
    return segment.name.removesuffix(".gz")


def _show(line: bytes, as_json: bool) -> None:
    print(line.decode(errors="replace") if as_json else describe(json.loads(line)), flush=True)


def describe(record: dict[str, Any]) -> str:
    """Describe one record in one line of text."""
    at = datetime.fromtimestamp(record["ts"], UTC).strftime("%H:%M:%S.%f")[:-3]
    parts = [f"{at}Z", f"{record['type']:17}"]
    if "room" in record:
        parts.append(f"{record.get('dialect')}/{record['room']}")
    if "peer" in record:
        parts.append(record["peer"])
    if record["type"].startswith("signal."):
        kind, is_frame = record.get("kind", "?"), record["type"] in FRAME_RECORDS
        to = record.get("to", "all" if is_frame else None)  # a refused frame may be for one peer, even without `to`
        parts.append(kind if to is None else f"{kind} → {to}")
        if "bytes" in record:
            parts.append(f"{record['bytes']} B")
    if "data" in record and record["type"] not in FRAME_RECORDS:
        data = record["data"]
        parts.append(data if len(data) <= SHOWN_CHARS else data[:SHOWN_CHARS] + "…")
    return "  ".join(visible(str(part)) for part in parts)
