"""Run the soak test of one sidecar, and print its figures.

    python -m tests.soak --seconds 1800 --peers 200 --kills 100

The exit code is 1 if a frame was lost, duplicated or reordered, or if the sidecar needs clearly more memory, or more
open files, at the end than at the beginning.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from functools import partial
from pathlib import Path

from tests.soak.figures import figures, too_much
from tests.soak.soak import Plan, soak

DEFAULT = Plan()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Run the soak test of one sidecar.")
    parser.add_argument("--seconds", type=float, default=DEFAULT.seconds)
    parser.add_argument("--peers", type=int, default=DEFAULT.peers)
    parser.add_argument("--kills", type=int, default=DEFAULT.kills)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    plan = Plan(options.seconds, options.peers, options.kills)
    with tempfile.TemporaryDirectory() as folder:
        done = asyncio.run(soak(plan, Path(folder), options.seed, partial(print, flush=True)))
    print("\n".join(figures(done)))
    faults = done.ledger.faults + too_much(done)
    print(*faults[:50], sep="\n")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
