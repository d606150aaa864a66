"""The command `sidecar discover`."""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from signaling_sidecar.addresses import own_addresses
from signaling_sidecar.cli.table import print_table
from signaling_sidecar.errors import NoSuchNeighbour
from signaling_sidecar.untrusted_text import shortened, visible

if TYPE_CHECKING:
    from signaling_sidecar.lan.verify import Neighbour, NeighbourRoom

TIMEOUT_S = 3.0  # seconds; a machine that has just answered another question may wait a second (RFC 6762 section 6)
MAX_TIMEOUT_S = 600.0
ROOMS_WIDTH = 48  # columns of the terminal
# Escape sequences (ECMA-48). Without them, a light terminal would show the QR code with inverted colours.
WHITE_ON_BLACK, RESET = "\x1b[97;40m", "\x1b[0m"


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "discover", help="list the pages that are announced on this network", description=run.__doc__
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=TIMEOUT_S,
        metavar="S",
        help=f"how many seconds to listen (default: {TIMEOUT_S:g})",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the list as JSON")
    form.add_argument("--qr", type=int, metavar="N", help="show the URL of the page with number N as a QR code")
    parser.set_defaults(run=run)


def _seconds(text: str) -> float:
    with suppress(ValueError):
        if 0 <= (seconds := float(text)) <= MAX_TIMEOUT_S:
            return seconds
    raise argparse.ArgumentTypeError(f"must be seconds from 0 to {MAX_TIMEOUT_S:g}, not {text!r}")


def run(arguments: argparse.Namespace) -> int:
    """List the pages that sidecars on this network announce with `sidecar serve --announce`.

    Only sidecars that respond are listed.
    """
    found = _find(arguments.timeout)
    own = {str(address.net.ip) for address in own_addresses()}
    is_own = [urlsplit(neighbour.url).hostname in own for neighbour in found]
    if arguments.json:
        listed = (msgspec.to_builtins(each) | {"own": own} for each, own in zip(found, is_own, strict=True))
        print(json.dumps(list(listed), indent=2))
    elif arguments.qr is not None:
        _show_qr(found, arguments.qr)
    elif not found:
        print(
            "no page is announced on this network: `sidecar serve --announce` announces one while Vite runs with --host"
        )
    else:
        rows = [_row(*numbered) for numbered in zip(range(1, len(found) + 1), found, is_own, strict=True)]
        print_table([("", "name", "URL", "peers", "rooms", ""), *rows])
    return 0


def _find(timeout_s: float) -> list[Neighbour]:
    from signaling_sidecar.lan import require_lan_extra

    require_lan_extra("sidecar discover")
    from signaling_sidecar.lan.discover import browsing

    async def find() -> list[Neighbour]:
        async with browsing() as browser:
            await asyncio.sleep(timeout_s)
            return await browser.neighbours()

    return asyncio.run(find())


def _row(number: int, neighbour: Neighbour, is_own: bool) -> tuple[str, ...]:
    rooms = shortened(", ".join(map(_room, neighbour.rooms)), ROOMS_WIDTH)
    return str(number), neighbour.name, neighbour.url, str(neighbour.peers), rooms, "this machine" if is_own else ""


def _room(room: NeighbourRoom) -> str:
    return f"{visible(room.name or room.roomId)} ({room.peers})"


def _show_qr(found: Sequence[Neighbour], number: int) -> None:
    import segno

    if not 1 <= number <= len(found):
        raise NoSuchNeighbour(number, len(found))
    chosen = found[number - 1]
    drawn = io.StringIO()
    segno.make_qr(chosen.url).terminal(drawn, compact=True)
    for line in drawn.getvalue().splitlines():
        print(f"{WHITE_ON_BLACK}{line}{RESET}" if sys.stdout.isatty() else line)
    print(f"{chosen.name}: {chosen.url}")
