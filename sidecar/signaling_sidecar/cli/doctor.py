"""The command `sidecar doctor`."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from signaling_sidecar.cli import state_options
from signaling_sidecar.errors import NoStateDir, SettingsError

SIGNS = {"ok": "✓", "note": "·", "wrong": "✗"}


def add_to(commands: Any) -> None:
    parser = commands.add_parser("doctor", help="check whether other devices can reach a room", description=run.__doc__)
    state_options.add_options(parser)
    parser.add_argument(
        "--url", metavar="URL", help="the URL of a page that Vite serves, if the command does not find it"
    )
    parser.add_argument(
        "--lan",
        action="store_true",
        help="other devices on the network should be able to open the page; report an error if they cannot, which is "
        "the default if Vite was started with --host",
    )
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check the sidecar, Vite, the network and the peers in rooms, and print how to correct each error.

    The exit code is 1 if there is an error (✗). Notes (·) do not change the exit code.
    """
    # Imported here because TLS is slow to import, and other commands do not need it.
    from signaling_sidecar.doctor import Finding, Level, run_checks

    found: list[Finding] = []
    for finding in run_checks(_state_dir(arguments), _url(arguments.url), lan=arguments.lan):
        found.append(finding)
        if not arguments.json:
            for line in _lines(finding.level, finding.sentence, finding.remedy):
                print(line, flush=True)
    if arguments.json:
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    return int(any(finding.level is Level.WRONG for finding in found))


def _lines(level: str, sentence: str, remedy: str | None) -> Iterator[str]:
    yield f"{SIGNS[level]} {sentence}"
    if remedy is not None:
        yield f"    {remedy}"


def _state_dir(arguments: argparse.Namespace) -> Path | None:
    try:
        return state_options.state_dir_of(arguments)
    except NoStateDir as error:  # `run_checks` then reports that no sidecar is running
        print(error, file=sys.stderr)
        return None


def _url(text: str | None) -> str | None:
    if text is None:
        return None
    from yarl import URL  # imported here, because only the option --url needs it

    try:
        url = URL(text)
        is_host = url.host is not None and re.fullmatch(r"[^\s\x00-\x1f]+", url.host)  # yarl accepts any characters
        if url.scheme not in ("http", "https") or not is_host or url.user is not None or url.port == 0:
            raise ValueError
    except ValueError:
        raise SettingsError("url", text, "the URL of a page, such as http://localhost:5173/", "--url") from None
    return str(url.with_path(url.raw_path or "/", encoded=True))
