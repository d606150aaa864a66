"""Measure the CPU time that the sidecar needs to relay an offer, in each dialect and compared with `rooms`.

    python -m tests.bench.relaying

The sidecar runs in this process, and its clients in another one. Each figure is the smallest of several rounds, in
which the dialects take turns, because other programs can only make a round slower. Compare the figures of one run only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import uvloop
from aiohttp.test_utils import TestServer

from signaling_sidecar.server import Sidecar
from signaling_sidecar.server.sockets import endpoint
from signaling_sidecar.settings import Settings
from tests.dialects.manners import MANNERS
from tests.kit.checkout import ROOT

WINDOWS = (1, 8)
"""How many offers each client sends before it waits for their arrival."""
MAX_RATIO = 1.25
"""The requirement, compared with `rooms`."""
UNLIMITED = 1_000_000
LIMITS = {
    "max_frames_per_s": UNLIMITED,
    "max_frames_burst": UNLIMITED,
    "pairing_codes_per_minute": UNLIMITED,
    "pairing_codes_per_minute_per_address": UNLIMITED,
}


class Measured(NamedTuple):
    cpu_us: float
    """The CPU time of the sidecar for each offer that was sent, in µs."""
    deliveries: float
    """How many clients each offer was sent to."""


class Clients:
    """The process with the clients. It reads commands from its stdin, and answers each with a line of JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, *words: object) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{' '.join(map(str, words))}\n".encode())
        return json.loads(await self._process.stdout.readline())


@asynccontextmanager
async def clients(url: str, pairs: int) -> AsyncIterator[Clients]:
    words = [sys.executable, "-m", "tests.bench.relaying_clients", url, str(pairs)]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, cwd=ROOT)
    try:
        yield Clients(process)
    finally:
        process.kill()
        await process.wait()


async def measure(pairs: int, offers: int, rounds: int) -> dict[tuple[str, int], Measured]:
    best: dict[tuple[str, int], Measured] = {}
    names = count()
    with tempfile.TemporaryDirectory() as folder, patch.object(endpoint, "new_given_id", lambda: f"peer-{next(names)}"):
        sidecar = Sidecar(replace(Settings(state_dir=Path(folder), project=Path(folder)), **LIMITS))
        async with TestServer(sidecar.app()) as server, clients(str(server.make_url("")), pairs) as load:
            for dialect in MANNERS:
                await load.ask("meet", dialect)
            for _ in range(rounds):
                for dialect in MANNERS:
                    for window in WINDOWS:
                        began_s = time.process_time()
                        delivered = await load.ask("relay", dialect, window, offers)
                        cpu_us = (time.process_time() - began_s) * 1e6 / (pairs * offers)
                        measured = Measured(cpu_us, delivered / (pairs * offers))
                        best[dialect, window] = min(measured, best.get((dialect, window), measured))
    return best


def table(best: dict[tuple[str, int], Measured]) -> list[str]:
    lines = [f"{'':14}{'CPU for each offer, and its ratio to that of rooms'}"]
    lines += [f"{'dialect':14}" + "".join(f"{f'window {window}':>20}" for window in WINDOWS) + f"{'deliveries':>14}"]
    for dialect in MANNERS:
        cells = [f"{best[dialect, window].cpu_us:9.1f} µs{_ratio(best, dialect, window):8.2f}" for window in WINDOWS]
        lines += [f"{dialect:14}{''.join(cells)}{best[dialect, 1].deliveries:14g}"]
    return [*lines, f"(the ratio should be at most {MAX_RATIO} for each delivery)"]


def _ratio(best: dict[tuple[str, int], Measured], dialect: str, window: int) -> float:
    return best[dialect, window].cpu_us / best["rooms", window].cpu_us


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=50, help="how many pairs of clients relay at once")
    parser.add_argument("--offers", type=int, default=160, help="how many offers each pair relays in a round")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args(arguments)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        best = runner.run(measure(asked.pairs, asked.offers, asked.rounds))
    print("\n".join(table(best)))


if __name__ == "__main__":
    main()
