"""Which sidecar a command is about: the options for it, and the sentence that says which was taken."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from signaling_sidecar.eventlog.which_state import find_state_dir


def add_options(parser: Any, default: Any = None) -> None:
    parser.add_argument(
        "--state-dir", type=Path, default=default, metavar="DIR", help="the sidecar's state folder (this project's)"
    )
    parser.add_argument(
        "--project", type=Path, default=default, metavar="DIR", help="the project it is about (the current folder's)"
    )


def chosen(arguments: argparse.Namespace) -> Path:
    """The state folder that was named, else the one that is found, which is then said on stderr."""
    found = find_state_dir(arguments.state_dir, arguments.project)
    if found.how:
        print(f"{found.path}: {found.how}", file=sys.stderr)
    return found.path
