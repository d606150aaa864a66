"""Which sidecar a command is about: the option for it, and the sentence that says which was taken."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from signaling_sidecar.eventlog.state_dir import Found, find_state_dir


def add_option(parser: Any, default: Any = None) -> None:
    parser.add_argument(
        "--state-dir",
        type=Path,
        default=default,
        metavar="DIR",
        help="the sidecar's state folder (that of this project, else the newest)",
    )


def chosen(arguments: argparse.Namespace) -> Path:
    """The state folder that was named, else the one found from here, which is then said on stderr."""
    if arguments.state_dir is not None:
        return Path(arguments.state_dir)
    found: Found = find_state_dir(Path.cwd())
    print(f"{found.path}: {found.how}", file=sys.stderr)
    return found.path
