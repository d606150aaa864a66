"""Run the soak test of a cluster: clients of three sidecars send frames, and every 30 s one sidecar is killed, stopped
or paused.

    python -m tests.soak.cluster --seconds 1800 --every 30 --pages 60

The exit code is 1 if a frame was lost, duplicated or reordered, or if a peer was announced as left.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.cluster.traffic import Traffic, traffic
from tests.kit.cluster_processes import LEASE_S, ClusterProcesses, Instance, cluster_processes
from tests.kit.programs import until
from tests.kit.redis_server import RedisServer

PLAIN = 2  # clients of each sidecar that do not resume their sessions
HOWS = (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP)


async def soak(folder: Path, server: RedisServer, options: argparse.Namespace) -> None:
    chance = random.Random(options.seed)
    async with (
        cluster_processes(folder, server) as cluster,
        traffic(cluster, options.pages, PLAIN, options.seed) as clients,
    ):
        end_s = time.monotonic() + options.seconds
        while (left_s := end_s - time.monotonic()) > 0:
            await asyncio.sleep(min(left_s, options.every))
            victim = await cluster.owner() if chance.random() < 0.5 else chance.choice(cluster.living)
            number = chance.choice(HOWS)
            began_s = time.monotonic()
            await _break(cluster, clients, victim, number)
            silence_s = clients.silence_s(began_s)
            counts, faults = dict(clients.ledger.counts), clients.ledger.faults
            print(f"{number.name}: {silence_s:.2f} s of silence; {counts}; faults: {faults[:3]}", flush=True)


async def _break(cluster: ClusterProcesses, clients: Traffic, victim: Instance, number: signal.Signals) -> None:
    number_before = cluster.number(victim)
    victim.send(number)
    if number is signal.SIGSTOP:
        await asyncio.sleep(2 * LEASE_S)
        victim.send(signal.SIGCONT)
        await until(lambda: cluster.number(victim) not in (None, number_before), "the sidecar has joined again")
        instance = victim
        await asyncio.sleep(LEASE_S)  # until the plain clients of the victim have lost their connections
        clients.ledger.plain = [each for each in clients.ledger.plain if each.instance is not victim]
        victim.is_unharmed = True
    else:
        await victim.program.ended()
        instance = await cluster.start()
    for _ in range(PLAIN):
        await clients.open_plain(instance)
    await asyncio.sleep(2 * LEASE_S)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.cluster", description="Run the soak test of a cluster.")
    parser.add_argument("--seconds", type=float, default=1800.0)
    parser.add_argument("--every", type=float, default=30.0)
    parser.add_argument("--pages", type=int, default=60)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "redis").mkdir()
        server = RedisServer(Path(folder) / "redis")
        server.start()
        try:
            asyncio.run(soak(Path(folder), server, options))
        except AssertionError as error:
            print(error)
            return 1
        finally:
            server.kill()
    return 0


if __name__ == "__main__":
    sys.exit(main())
