"""The command `sidecar why`."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from signaling_sidecar.cli import state_options
from signaling_sidecar.diagnosis import History, diagnose, read_entries
from signaling_sidecar.eventlog.records import LeftOut
from signaling_sidecar.eventlog.segments import find_segments, newest_of
from signaling_sidecar.eventlog.state_dir import is_running


def add_to(commands: Any) -> None:
    parser = commands.add_parser("why", help="explain why peers are not connected", description=run.__doc__)
    parser.add_argument(
        "room", nargs="?", help="explain only this room; for a pairing code, its hash as `sidecar tail` prints it"
    )
    state_options.add_options(parser)
    parser.add_argument(
        "--log",
        type=Path,
        metavar="PATH",
        help="a file of the event log, or a folder of them, instead of a state folder",
    )
    parser.add_argument("--all", action="store_true", help="read the whole log instead of only its newest part")
    parser.add_argument("--json", action="store_true", help="print one line of JSON for each pair of peers")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """For every two peers that were in a room together, print whether they are connected, and if not, why.

    Each explanation names the records of the event log that it is based on.
    """
    folder = arguments.log or state_options.state_dir_of(arguments)
    segments = find_segments(folder).segments
    is_live = arguments.log is None and is_running(folder)
    left_out = LeftOut(is_live=is_live)
    entries = read_entries(segments if arguments.all else newest_of(segments), left_out)
    diagnosis = diagnose(entries, time.time() if is_live else None, arguments.room)
    state_options.report_what_was_left_out(left_out)
    if arguments.json:
        for history in diagnosis.histories:
            print(json.dumps(_as_object(history)))
    else:
        print(diagnosis)
    return 0


def _as_object(history: History) -> dict[str, Any]:
    verdict = history.last
    meeting, finding = verdict.meeting, verdict.finding
    return {
        "dialect": meeting.dialect,
        "room": meeting.room,
        "peers": [stay.peer for stay in meeting.stays],
        "labels": [stay.label for stay in meeting.stays],
        "reason": finding.reason,
        "signaling": verdict.signaling.reason,
        "sentence": verdict.sentence,
        "notes": list(verdict.notes),
        "next_step": verdict.next_step,
        "earlier": [each.finding.reason for each in history.earlier],
        "evidence": [{"boot": entry.boot, "seq": entry.seq} for entry in finding.evidence],
    }
