"""The command `sidecar dialects`."""

from __future__ import annotations

import argparse
from typing import Any

from signaling_sidecar.dialects import DIALECTS, Dialect
from signaling_sidecar.dialects.line_of_code import line_of_code, of_page
from signaling_sidecar.dialects.shared_path import SHARED_PATH

DEFAULT_VITE = "ws://localhost:5173"
"""The WebSocket URL of Vite's dev server at its default port."""


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "dialects", help="list the wire protocols and their URL paths", description=run.__doc__
    )
    parser.set_defaults(run=run, needs_folder=False)


def run(arguments: argparse.Namespace) -> int:
    """List the wire protocols that the sidecar supports, with the URL paths of each. For protocols of other libraries,
    also print the line of code with which a page connects through Vite."""
    for dialect in DIALECTS.values():
        print(f"{dialect.name:8}  {dialect.purpose}")
        if dialect.line is not None:
            print(f"{'':8}    {line_of_code(dialect, of_page(DEFAULT_VITE))}")
        for path in dialect.paths:
            print(f"{'':8}    {path}{_query(dialect) if '{' not in path else ''}")
        if dialect.query_chooses:
            print(f"{'':8}    {SHARED_PATH}{_query(dialect)}")
        if dialect.first_frames:
            print(f"{'':8}    {SHARED_PATH} (first frame: {' or '.join(sorted(dialect.first_frames))})")
    return 0


def _query(dialect: Dialect) -> str:
    return "" if dialect.query is None else f"?{dialect.query}="
