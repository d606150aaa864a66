"""The command `sidecar dialects`."""

from __future__ import annotations

import argparse
from typing import Any

from signaling_sidecar.dialects import DIALECTS, Dialect
from signaling_sidecar.dialects.shared_path import SHARED_PATH


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "dialects", help="list the wire protocols and their URL paths", description=run.__doc__
    )
    parser.set_defaults(run=run, needs_folder=False)


def run(arguments: argparse.Namespace) -> int:
    """List the wire protocols that the sidecar supports, with the URL paths of each."""
    for dialect in DIALECTS.values():
        print(f"{dialect.name:8}  {dialect.purpose}")
        for path in dialect.paths:
            print(f"{'':8}    {path}{_query(dialect) if '{' not in path else ''}")
        if dialect.query_chooses:
            print(f"{'':8}    {SHARED_PATH}{_query(dialect)}")
        if dialect.first_frames:
            print(f"{'':8}    {SHARED_PATH} (first frame: {' or '.join(sorted(dialect.first_frames))})")
    return 0


def _query(dialect: Dialect) -> str:
    return "" if dialect.query is None else f"?{dialect.query}="
