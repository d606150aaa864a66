"""`sidecar why`"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from signaling_sidecar.cli import state
from signaling_sidecar.diagnosis import Entry, Met, Reason, Verdict, find_meetings, judge, read_entries
from signaling_sidecar.eventlog.segments import find_segments
from signaling_sidecar.eventlog.state_dir import read_runtime
from signaling_sidecar.foreign_text import visible

NEWEST_BYTES = 32 * 1024 * 1024  # bytes of segments that are read: what half a second is enough for
PACKED = 10  # how many times larger a packed segment is when it is read
SIGNS = {Reason.CONNECTED: "✓", Reason.UNKNOWN: "?", Reason.IN_PROGRESS: "…", Reason.NOBODY_OFFERED: "-"}


def add_to(commands: Any) -> None:
    parser = commands.add_parser("why", help="say why peers are not connected", description=run.__doc__)
    parser.add_argument("room", nargs="?", help="only this room; a pairing code by its hash, as `tail` shows it")
    state.add_option(parser)
    parser.add_argument(
        "--log", type=Path, metavar="PATH", help="a segment or a folder of them, instead of a state folder"
    )
    parser.add_argument("--all", action="store_true", help="read the whole log, and not only its newest part")
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each pair")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Say of every two peers that met whether they are connected, and if not why, with the records that show it."""
    folder = arguments.log or state.chosen(arguments)
    segments = find_segments(folder).segments
    met = find_meetings(read_entries(segments if arguments.all else _newest(segments)))
    is_running = arguments.log is None and read_runtime(folder) is not None
    now_ts = time.time() if is_running else met.last_ts
    verdicts = [judge(each, met.connections, now_ts) for each in met.meetings if arguments.room in (None, each.room)]
    for line in _as_json(verdicts) if arguments.json else _as_text(verdicts, met, arguments.room):
        print(line)
    return 0


def _newest(segments: Sequence[Path]) -> Sequence[Path]:
    """The last segment, and those before it that can be read at once. Each begins with a checkpoint."""
    left, first = NEWEST_BYTES, len(segments)
    while first > 0:
        path = segments[first - 1]
        left -= path.stat().st_size * (PACKED if path.suffix == ".gz" else 1)
        if left < 0 and first < len(segments):
            break
        first -= 1
    return segments[first:]


def _as_text(verdicts: Sequence[Verdict], met: Met, room: str | None) -> Iterable[str]:
    rooms = dict.fromkeys((verdict.meeting.dialect, verdict.meeting.room) for verdict in verdicts)
    rejections = [each for each in met.rejections if room in (None, each.entry.room)]
    if not rooms and not rejections:
        yield "nobody has met anybody" + (f" in a room {visible(room)!r}" if room is not None else "")
    for key in rooms:
        yield f"{visible(key[1])} ({key[0]})"
        for verdict in verdicts:
            if (verdict.meeting.dialect, verdict.meeting.room) == key:
                yield from _lines(verdict)
    for each in rejections:
        who = visible(each.entry.peer or "somebody")
        yield f"✗ {who} was not let into {visible(each.entry.room or '')}: {each.code} ({visible(each.message)})"


def _lines(verdict: Verdict) -> Iterable[str]:
    finding = verdict.finding
    yield f"  {SIGNS.get(finding.reason, '✗')} {visible(verdict.sentence)}"
    if finding.reason is not Reason.CONNECTED:
        for note in verdict.notes:
            yield f"      {visible(note)}"
        yield f"      {finding.reason}; records: {', '.join(map(_record, finding.evidence))}"


def _record(entry: Entry) -> str:
    """As `tail` and the notebook number it."""
    return f"{entry.seq} {visible(entry.kind or entry.type)}"


def _as_json(verdicts: Iterable[Verdict]) -> Iterable[str]:
    for verdict in verdicts:
        meeting, finding = verdict.meeting, verdict.finding
        yield json.dumps(
            {
                "dialect": meeting.dialect,
                "room": meeting.room,
                "peers": [stay.peer for stay in meeting.stays],
                "reason": finding.reason,
                "signaling": verdict.signaling.reason,
                "sentence": verdict.sentence,
                "notes": list(verdict.notes),
                "evidence": [{"boot": entry.boot, "seq": entry.seq} for entry in finding.evidence],
            }
        )
