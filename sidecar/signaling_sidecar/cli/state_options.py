"""The options `--state-dir` and `--project`, with which commands choose a state folder."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from signaling_sidecar.eventlog.find_state_dir import find_state_dir
from signaling_sidecar.eventlog.records import LeftOut


def add_options(parser: Any, default: Any = None) -> None:
    parser.add_argument(
        "--state-dir",
        type=Path,
        default=default,
        metavar="DIR",
        help="the state folder of the sidecar (default: that of the project)",
    )
    parser.add_argument(
        "--project",
        type=Path,
        default=default,
        metavar="DIR",
        help="the folder of the project (default: the project of the current folder)",
    )


def state_dir_of(arguments: argparse.Namespace) -> Path:
    """Return the state folder to use. If the options do not name it, print on stderr which one was found, and how."""
    found = find_state_dir(arguments.state_dir, arguments.project)
    if found.how:
        print(f"{found.path}: {found.how}", file=sys.stderr)
    return found.path


def report_what_was_left_out(left_out: LeftOut) -> None:
    """Print one sentence on stderr if a part of the log could not be read."""
    if sentence := str(left_out):
        print(f"sidecar: {sentence}", file=sys.stderr)
