"""The connection of a sidecar to Redis is bad, or breaks, while the clients of a cluster talk."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from tests.cluster.traffic import traffic
from tests.kit.cluster_processes import cluster_processes
from tests.kit.redis_server import RedisServer

SHAKY = ("-m", "tests.kit.shaky_sidecar", "0.05")


async def test_lost_commands_and_late_answers_of_redis_lose_nothing(tmp_path: Path, redis: RedisServer) -> None:
    async with cluster_processes(tmp_path, redis, program=SHAKY) as cluster, traffic(cluster):
        for number in (signal.SIGTERM, signal.SIGKILL):
            await asyncio.sleep(0.5)
            owner = await cluster.owner()
            owner.send(number)
            await owner.program.ended()
            await cluster.start()
            await cluster.owner()
        await asyncio.sleep(0.5)
