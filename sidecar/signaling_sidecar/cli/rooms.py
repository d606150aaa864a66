"""The command `sidecar rooms`."""

from __future__ import annotations

import argparse
import json
from typing import Any

from signaling_sidecar.admin_request import ask_admin
from signaling_sidecar.cli import remote_sidecar, state_options
from signaling_sidecar.cli.table import print_table
from signaling_sidecar.eventlog.state_dir import running
from signaling_sidecar.untrusted_text import visible


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "rooms", help="list the rooms and the number of peers in each", description=run.__doc__
    )
    state_options.add_options(parser)
    remote_sidecar.add_option(parser)
    parser.add_argument("--json", action="store_true", help="print the list as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List the rooms of the running sidecar, including hidden ones. A pairing code is shown as its hash."""
    rooms = _fetch(arguments)
    if arguments.json:
        print(json.dumps(rooms, indent=2))
        return 0
    if not rooms:
        print("there are no rooms")
        return 0
    print_table([("room", "dialect", "peers"), *map(_row, rooms)])
    return 0


def _row(room: dict[str, Any]) -> tuple[str, str, str]:
    hidden = "" if room["listed"] else ", hidden"
    return visible(room["room"]), visible(room["dialect"]), f"{len(room['peers'])} of {room['capacity']}{hidden}"


def _fetch(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    rooms: list[dict[str, Any]]
    if arguments.url is not None:
        with remote_sidecar.answer_of(arguments.url, "rooms") as answer:
            rooms = json.load(answer)["rooms"]
        return rooms
    state_dir = state_options.state_dir_of(arguments)
    runtime = running(state_dir)
    rooms = ask_admin(runtime.url, runtime.admin_token, "GET", "rooms", state_dir=state_dir)["rooms"]
    return rooms
