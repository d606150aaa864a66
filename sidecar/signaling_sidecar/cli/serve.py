"""`sidecar serve`"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import Any

from signaling_sidecar.settings import FILE_NAME, all_settings, load

_EPILOG = f"""\
Every setting can also be said in the environment (SIDECAR_MAX_ROOMS=100) or in {FILE_NAME} in the project's folder
(max_rooms = 100); a flag wins over the environment, and that over the file.

When it listens, it prints one line of JSON with its name, version, url and port. SIGINT and SIGTERM end it cleanly.
"""


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "serve",
        help="serve until Ctrl-C",
        description="Serve signaling to the pages of a Vite dev server.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for each, kind in all_settings():
        default = "" if each.default in (None, (), False, Path()) else f" ({_shown(each.default)})"
        flag, help_ = "--" + each.name.replace("_", "-"), each.metadata["help"] + default
        if kind.switch:
            parser.add_argument(flag, nargs="?", const=True, metavar="true|false", help=help_)
        elif kind.many:
            parser.add_argument(flag, metavar=kind.metavar, action="append", help=f"{help_}; several by commas")
        else:
            parser.add_argument(flag, metavar=kind.metavar, help=help_)
    parser.add_argument("--settings", type=Path, metavar="FILE", help=f"the settings file (PROJECT/{FILE_NAME})")
    parser.add_argument("--exit-on-stdin-eof", action="store_true", help=argparse.SUPPRESS)
    parser.set_defaults(run=run)


def _shown(default: Any) -> str:
    return ",".join(default) if isinstance(default, tuple) else str(default)


def run(arguments: argparse.Namespace) -> int:
    settings = load(vars(arguments), os.environ, arguments.settings)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    from signaling_sidecar.server import run as serve  # aiohttp takes 300 ms to import: `--help` does without

    serve(settings, exit_on_stdin_eof=arguments.exit_on_stdin_eof)
    return 0
