"""The command `sidecar why`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from signaling_sidecar.cli import log_entries, state_options
from signaling_sidecar.cli.changing_verdicts import as_json, watch
from signaling_sidecar.diagnosis import FoundMeetings, find_meetings, judge
from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.untrusted_text import visible


def add_to(commands: Any) -> None:
    parser = commands.add_parser("why", help="explain why peers are not connected", description=run.__doc__)
    parser.add_argument(
        "room", nargs="?", help="explain only this room; for a pairing code, its hash as `sidecar tail` prints it"
    )
    parser.add_argument("--dialect", help="explain only rooms of this dialect")
    log_entries.add_options(parser)
    parser.add_argument("--json", action="store_true", help="print one line of JSON for each pair of peers")
    parser.add_argument(
        "--watch",
        action="store_true",
        help="then keep running, and print each explanation again when it changes, until Ctrl-C is pressed",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """For every two peers that were in a room together, print whether they are connected, and if not, why.

    Many pairs with the same explanation are summarised; with --json, every pair has its own line.

    Each explanation names the records of the event log that it is based on. The exit code is 0 if every two peers that
    are in a room together are connected, and 1 if two of them are not, or if no two peers are in a room together. In
    a finished log in which all peers have left, the last explanation of every two peers decides the exit code. If no
    sidecar is running, the log of its last run is explained; a line on stderr says so, and the exit code is about that
    run.
    """
    if arguments.watch:
        watch(arguments)
    log = log_entries.read(arguments)
    found = find_meetings(log.entries)
    diagnosis = judge(found, log.clock.now_ts() if log.is_live else None, arguments.room, arguments.dialect)
    state_options.report_what_was_left_out(log.left_out)
    if not log.is_live:
        log_entries.report_last_run(arguments, found.last_ts)
    if arguments.json:
        for history in diagnosis.histories:
            print(as_json(history))
    else:
        print(diagnosis)
        for line in _rooms_without_signals(found, arguments.room, arguments.dialect):
            print(line)
    return 0 if diagnosis.is_connected(is_live=log.is_live) else 1


def _rooms_without_signals(found: FoundMeetings, only_room: str | None, only_dialect: str | None) -> Iterator[str]:
    """Yield lines about each room in which several peers have sent each other no signals, if the app may work without
    signals."""
    with_signals = {*found.unread, *((meeting.dialect, meeting.room) for meeting in found.meetings)}
    sentences = {name: dialect.without_signals for name, dialect in DIALECTS.items()}
    for (dialect, room), labels in found.labels.items():
        is_chosen = only_room in (None, room) and only_dialect in (None, dialect)
        lacks_signals = (dialect, room) not in with_signals and len(labels.peers) > 1
        if is_chosen and lacks_signals and (sentence := sentences.get(dialect)):
            yield visible(f"{room} ({dialect})")
            yield f"  - {sentence}"
