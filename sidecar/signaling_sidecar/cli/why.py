"""`sidecar why`"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from signaling_sidecar.cli import log_entries, state
from signaling_sidecar.diagnosis import History, diagnose


def add_to(commands: Any) -> None:
    parser = commands.add_parser("why", help="say why peers are not connected", description=run.__doc__)
    parser.add_argument("room", nargs="?", help="only this room; a pairing code by its hash, as `tail` shows it")
    parser.add_argument("--dialect", help="only rooms of this dialect")
    log_entries.add_options(parser)
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each pair")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Say of every two peers that met whether they are connected, and if not why, with the records that show it."""
    log = log_entries.read(arguments)
    diagnosis = diagnose(log.entries, time.time() if log.is_live else None, arguments.room, arguments.dialect)
    state.say_what_is_left_out(log.left_out)
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
        "peers": [session.peer for session in meeting.sessions],
        "labels": [session.label for session in meeting.sessions],
        "reason": finding.reason,
        "signaling": verdict.signaling.reason,
        "sentence": verdict.sentence,
        "notes": list(verdict.notes),
        "next_step": verdict.next_step,
        "earlier": [each.finding.reason for each in history.earlier],
        "evidence": [{"boot": entry.boot, "seq": entry.seq} for entry in finding.evidence],
    }
