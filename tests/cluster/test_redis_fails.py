"""Redis stops, restarts or forgets while the clients of a cluster talk."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from tests.cluster.traffic import traffic
from tests.kit.cluster_processes import cluster_processes
from tests.kit.redis_server import RedisServer


async def test_everything_waits_while_redis_does_not_answer(tmp_path: Path, own_redis: RedisServer) -> None:
    async with cluster_processes(tmp_path, own_redis) as cluster, traffic(cluster):
        owner = await cluster.owner()
        own_redis.send(signal.SIGSTOP)
        await asyncio.sleep(5)
        own_redis.send(signal.SIGCONT)
        await asyncio.sleep(1)
        assert await cluster.owner() is owner


async def test_everything_waits_while_the_memory_of_redis_is_full(tmp_path: Path, own_redis: RedisServer) -> None:
    async with cluster_processes(tmp_path, own_redis) as cluster, traffic(cluster):
        owner = await cluster.owner()
        cluster.redis.config_set("maxmemory", 1)
        await asyncio.sleep(2.5)
        cluster.redis.config_set("maxmemory", 0)
        await asyncio.sleep(1)
        assert await cluster.owner() is owner
        for each in cluster.instances:
            assert each.program.count("Redis does not answer|Redis answers again") in (0, 2)


async def test_a_restart_of_redis_with_its_files_loses_nothing(tmp_path: Path, own_redis: RedisServer) -> None:
    async with cluster_processes(tmp_path, own_redis) as cluster, traffic(cluster):
        for _ in range(2):
            await asyncio.sleep(0.3)
            own_redis.kill()
            await asyncio.sleep(0.3)
            own_redis.start()
        await asyncio.sleep(1)


async def test_sessions_survive_a_redis_that_has_forgotten_everything_or_the_last_second(
    tmp_path: Path, own_redis: RedisServer
) -> None:
    async with cluster_processes(tmp_path, own_redis) as cluster, traffic(cluster):
        for each in cluster.instances:
            each.is_unharmed = False  # what Redis had for plain clients at other sidecars is gone
        await asyncio.sleep(0.3)
        own_redis.kill()
        own_redis.forget()
        own_redis.start()
        await asyncio.sleep(1)
        own_redis.save_copy(tmp_path / "copy")
        await asyncio.sleep(1)
        own_redis.kill()
        own_redis.forget()
        own_redis.restore_copy(tmp_path / "copy")
        own_redis.start()
        await asyncio.sleep(1)
