"""Which sidecar a command is about: the options for it, and the sentence that says which was taken."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from signaling_sidecar.eventlog.find_state_dir import find_state_dir
from signaling_sidecar.eventlog.records import LeftOut


def add_options(parser: Any, default: Any = None) -> None:
    parser.add_argument(
        "--state-dir", type=Path, default=default, metavar="DIR", help="the sidecar's state folder (this project's)"
    )
    parser.add_argument(
        "--project", type=Path, default=default, metavar="DIR", help="the project it is about (the current folder's)"
    )


def state_dir_of(arguments: argparse.Namespace) -> Path:
    """The state folder that was named, else the one that is found, which is then said on stderr."""
    found = find_state_dir(arguments.state_dir, arguments.project)
    if found.how:
        print(f"{found.path}: {found.how}", file=sys.stderr)
    return found.path


def report_what_was_left_out(left_out: LeftOut) -> None:
    """Say on stderr, in one sentence, what could not be read of a log."""
    if sentence := str(left_out):
        print(f"sidecar: {sentence}", file=sys.stderr)
