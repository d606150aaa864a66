"""A sidecar of a cluster ends, in whatever way, and the clients of all of them go on."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

from tests.cluster.traffic import traffic
from tests.kit.cluster_processes import LEASE_S, cluster_processes
from tests.kit.redis_server import RedisServer


async def test_killing_sidecars_costs_their_clients_nothing_but_a_reconnect(
    tmp_path: Path, redis: RedisServer, measured: list[str]
) -> None:
    async with cluster_processes(tmp_path, redis) as cluster, traffic(cluster) as clients:
        await asyncio.sleep(0.5)
        [front, other] = await cluster.fronts()
        await front.kill()
        await asyncio.sleep(0.5)
        await (await cluster.owner()).kill()
        killed_s = time.monotonic()
        await cluster.owner()
        await asyncio.sleep(1)
        measured.append(f"kill -9 of an owner with a lease of {LEASE_S:g} s: {clients.silence_s(killed_s):.2f} s of silence")
