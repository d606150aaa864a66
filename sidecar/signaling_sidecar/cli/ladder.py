"""The command `sidecar ladder`."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from signaling_sidecar.cli import log_entries, state_options
from signaling_sidecar.cli.new_file import write_new
from signaling_sidecar.diagnosis import Entry, find_meetings
from signaling_sidecar.drawing import (
    OF_EVERY_ROOM,
    AmbiguousRoom,
    Ladder,
    NeverMet,
    RoomInLog,
    UnknownRoom,
    entries_of_room,
    listed_rooms,
    page,
    room_of,
)
from signaling_sidecar.untrusted_text import visible

OF_ANY_ROOM = (*OF_EVERY_ROOM, "log.checkpoint", "trace.state")
"""Types of records that name no room, although they may be about the room that is drawn or about its peers."""


def add_to(commands: Any) -> None:
    parser = commands.add_parser("ladder", help="draw a diagram of all signals in a room", description=run.__doc__)
    parser.add_argument(
        "room", metavar="ROOM", help="the room; for a pairing code, its hash as `sidecar tail` prints it"
    )
    parser.add_argument(
        "--peers", nargs=2, metavar="PEER", help="draw only these two peers, each given by its name or id"
    )
    parser.add_argument("--dialect", help="the wire protocol of the room, if rooms of several protocols have this id")
    parser.add_argument("--boot", help="the boot id of a run of the sidecar (default: the last run that had this room)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--html", type=Path, metavar="FILE", help="create this file, with the diagram as a web page")
    form.add_argument("--mermaid", action="store_true", help="print a Mermaid sequence diagram")
    log_entries.add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Draw a room as a sequence diagram: a column for each peer, and a row for each signal, join and leave."""
    log = log_entries.read(arguments)
    rooms: dict[RoomInLog, None] = {}  # in order of appearance
    listed: dict[RoomInLog, None] = {}
    entries = []
    for entry in log.entries:
        if (room := room_of(entry)) is not None:
            rooms[room] = None
        listed.update(dict.fromkeys(listed_rooms(entry)))
        if entry.room == arguments.room or entry.type in OF_ANY_ROOM:
            entries.append(entry)
    state_options.report_what_was_left_out(log.left_out)
    chosen = _choose(list(rooms), list(listed), arguments)
    records = entries_of_room(entries, chosen)
    between = None if arguments.peers is None else _sessions_of(records, arguments.peers)
    labels = find_meetings(entries).labels.get((chosen.dialect, chosen.room))  # the labels that `sidecar why` prints
    _show(Ladder(chosen.title, records, between=between, labels=labels), arguments)
    return 0


def _choose(rooms: Sequence[RoomInLog], listed: Sequence[RoomInLog], arguments: argparse.Namespace) -> RoomInLog:
    """Return the last room that matches the arguments. If earlier runs had a matching room, list them on stderr.

    `rooms` are the rooms with records. `listed` are the rooms in a checkpoint: if such a room has no records, its
    ladder shows only its peers.
    """
    asked = [name for name in ("dialect", "boot") if getattr(arguments, name) is not None]
    requested = " with ".join([repr(arguments.room), *(f"--{name} {getattr(arguments, name)}" for name in asked)])

    def is_asked(room: RoomInLog) -> bool:
        right_dialect = arguments.dialect in (None, room.dialect)
        return room.room == arguments.room and right_dialect and room.boot.startswith(arguments.boot or "")

    found = list(filter(is_asked, rooms)) or list(filter(is_asked, listed))
    if not found:
        known = _unique(visible(f"{room.room!r} ({room.dialect})") for room in (*rooms, *listed))
        raise UnknownRoom(requested, known)
    dialects = _unique(room.dialect for room in found)
    if len(dialects) > 1:
        raise AmbiguousRoom(requested, [visible(f"--dialect {dialect}") for dialect in dialects])
    *earlier, chosen = found
    if earlier:
        choices = ", ".join(f"--boot {room.boot[:8]}" for room in reversed(earlier))
        print(
            f"this is the last run of the sidecar that had this room; to see earlier runs: {choices}", file=sys.stderr
        )
    return chosen


def _unique(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _sessions_of(records: Sequence[Entry], peers: Sequence[str]) -> tuple[str, str]:
    """Find the sessions of two peers when they were last in one room together. Raises NeverMet."""
    meetings = [each for each in find_meetings(records).meetings if each.room is not None]
    for meeting in reversed(meetings):
        one, other = meeting.sessions
        for first, second in ((one, other), (other, one)):
            if peers[0] in (first.label, first.peer) and peers[1] in (second.label, second.peer):
                return first.id, second.id
    labels = _unique(session.label for meeting in meetings for session in meeting.sessions)
    raise NeverMet(peers[0], peers[1], labels)


def _show(ladder: Ladder, arguments: argparse.Namespace) -> None:
    if arguments.html is not None:
        write_new(arguments.html, [page(ladder.title, ladder.to_html()).encode()])
        print(f"wrote {arguments.html}")
    elif arguments.mermaid:
        print(ladder.to_mermaid(), end="")
    elif sys.stdout.isatty():
        # https://no-color.org: any value that is not empty disables colours
        has_colour = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        print(ladder.to_text(shutil.get_terminal_size().columns, colour=has_colour))
    else:
        print(ladder)
