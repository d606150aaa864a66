"""Print all figures of the sidecar, and the figures of other servers for comparison.

    python -m tests.bench

Quote only the ratios of one run: the figures themselves depend on the machine, and on the other programs that run.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench import comparison, connecting, growing, hub, reading, restarting, starting
from tests.bench.contenders import find_contenders
from tests.bench.machine import machine
from tests.kit.provision import find_chromium
from tests.kit.sites import PLUGIN

FEW_EVENTS = 100_000


def compare_servers(rounds: int) -> None:
    contenders, missing = find_contenders()
    print(f"The sidecar and other servers (rounds: {rounds}):")
    best = comparison.compare(contenders, rounds)
    print("\n".join([*missing, *comparison.table(best)]))


def compare_starts(rounds: int) -> None:
    print(f"Start, medians of {starting.RUNS} runs:")
    if not PLUGIN.exists():
        print("left out: the npm package is not built")
        return
    with tempfile.TemporaryDirectory() as folder:
        starts = asyncio.run(starting.measure(Path(folder)))
    delay_ms = starts.with_plugin_ms - starts.vite_ms
    print(f"sidecar serve, until it accepts a connection   {starts.sidecar_ms:5.0f} ms (at most the time of Vite)")
    print(f"Vite, until it is ready                        {starts.vite_ms:5.0f} ms")
    print(f"the delay of Vite by the plugin                {delay_ms:5.0f} ms (≤ 20)")


def connect_pages(rounds: int) -> None:
    print(f"From page load to connected, two pages on this machine, {connecting.RUNS} runs:")
    browser_path = find_chromium()
    if browser_path is None or not PLUGIN.exists():
        print("left out: Chromium or the built npm package is missing")
        return
    with tempfile.TemporaryDirectory() as folder:
        connected = asyncio.run(connecting.measure(Path(folder), browser_path))
    print(f"median {connected.median_ms:.0f} ms, 95th percentile {connected.p95_ms:.0f} ms (≤ 1000)")


def grow(rounds: int) -> None:
    growing.main(["--quick"])


def run_the_hub_alone(rounds: int) -> None:
    print("The hub alone:")
    hub.main(["--quick"])


def restart(rounds: int) -> None:
    print("A restart:")
    restarting.main(["--quick"])


def read(rounds: int) -> None:
    print("Reading a small log in a notebook (`make bench-reading` reads a million events and compares with targets):")
    reading.main(["--events", str(FEW_EVENTS)])


PARTS: dict[str, Callable[[int], None]] = {
    "servers": compare_servers,
    "start": compare_starts,
    "connect": connect_pages,
    "growing": grow,
    "hub": run_the_hub_alone,
    "restarting": restart,
    "reading": read,
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often the servers are measured")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure only this part")
    asked = parser.parse_args(arguments)
    began_s = time.monotonic()
    print("\n".join(machine()))
    for part in asked.only or PARTS:
        print(flush=True)
        PARTS[part](asked.rounds)
    print(f"\n{time.monotonic() - began_s:.0f} s")


if __name__ == "__main__":
    main()
