"""`sidecar doctor`"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from signaling_sidecar.cli import state_options
from signaling_sidecar.errors import NoStateDir, SettingsError

SIGNS = {"ok": "✓", "note": "·", "wrong": "✗"}


def add_to(commands: Any) -> None:
    parser = commands.add_parser("doctor", help="say what stands between a phone and a room", description=run.__doc__)
    state_options.add_options(parser)
    parser.add_argument("--url", metavar="URL", help="a page of Vite's, where it is not found by itself")
    parser.add_argument(
        "--lan",
        action="store_true",
        help="other devices on the network are meant to open the page: a fault if they cannot",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Look at the sidecar, Vite and the network, and say what to do.

    The exit code is 1 when there is a fault (✗); what is only worth knowing (·) leaves it 0.
    """
    from signaling_sidecar.doctor import Finding, Level, run_checks  # TLS takes its time to import, and only we need it

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
    except NoStateDir as error:  # what is wrong is among the findings, as everything else
        print(error, file=sys.stderr)
        return None


def _url(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None or parts.port == 0:
            raise ValueError
    except ValueError:
        raise SettingsError("url", text, "a page's address such as http://localhost:5173/", "--url") from None
    return parts._replace(path=parts.path or "/", query="", fragment="").geturl()
