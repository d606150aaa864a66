"""Measure the CPU time that the sidecar needs to relay an offer in each dialect, compared with the dialect `rooms`.

    python -m tests.bench.dialects

The sidecar runs in this process, and its clients in another one. Each figure is the smallest of several rounds, in
which the dialects take turns, because other programs can only make a round slower. Only compare figures of one run.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import uvloop
from aiohttp.test_utils import TestServer

from signaling_sidecar.server import Sidecar
from signaling_sidecar.server.sockets import endpoint
from signaling_sidecar.settings import Settings
from tests.bench.clients import load_on
from tests.bench.contenders import LIMITS, UNLIMITED
from tests.bench.relaying import PAIRS, WINDOWS
from tests.dialects.manners import MANNERS

MAX_RATIO = 1.25
"""The requirement: the highest ratio of the CPU time for each received offer to that in `rooms`."""
PAIRING_LIMITS = {
    "pairing_codes_per_minute": UNLIMITED,
    "pairing_codes_per_minute_per_address": UNLIMITED,
}


class Measured(NamedTuple):
    cpu_us: float
    """The CPU time of the sidecar for each offer that was sent, in µs."""
    deliveries: float
    """How many clients received each offer."""


async def measure(pairs: int, seconds: float, rounds: int) -> dict[tuple[str, int], Measured]:
    best: dict[tuple[str, int], Measured] = {}
    names = count()
    with tempfile.TemporaryDirectory() as folder, patch.object(endpoint, "new_given_id", lambda: f"peer-{next(names)}"):
        settings = replace(Settings(state_dir=Path(folder), project=Path(folder)), **LIMITS, **PAIRING_LIMITS)
        async with TestServer(Sidecar(settings).app()) as server:
            assert server.port is not None
            with load_on(server.port) as load:
                for dialect in MANNERS:
                    await asyncio.to_thread(load.meet, dialect, pairs)
                for _ in range(rounds):
                    for dialect in MANNERS:
                        for window in WINDOWS:
                            began_s = time.process_time()
                            relayed = await asyncio.to_thread(load.relay, dialect, window, seconds)
                            cpu_us = (time.process_time() - began_s) * 1e6 / relayed.sent
                            measured = Measured(cpu_us, relayed.received / relayed.sent)
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
    parser.add_argument("--pairs", type=int, default=PAIRS, help="how many pairs of clients relay at once")
    parser.add_argument("--seconds", type=float, default=0.4, help="how long they relay in each round")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args(arguments)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        best = runner.run(measure(asked.pairs, asked.seconds, asked.rounds))
    print("\n".join(table(best)))


if __name__ == "__main__":
    main()
