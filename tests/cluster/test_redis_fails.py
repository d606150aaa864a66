"""Redis stops, restarts or forgets while the clients of a cluster talk."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from signaling_sidecar.cluster import scripts
from tests.cluster.traffic import traffic
from tests.kit.cluster_processes import cluster_processes
from tests.kit.redis_server import RedisServer

OUTAGE_S = 5.0


async def test_everything_waits_while_redis_does_not_answer_or_is_full(tmp_path: Path, own_redis: RedisServer) -> None:
    async with cluster_processes(tmp_path, own_redis) as cluster, traffic(cluster) as clients:
        await clients.have_received(50)
        owner = await cluster.owner()
        cluster.redis.config_set("maxmemory", 1)
        for each in cluster.instances:
            await each.program.line("Redis does not answer .*maxmemory")
        cluster.redis.config_set("maxmemory", 0)
        for each in cluster.instances:
            await each.program.line("Redis answers again")
            assert each.program.count("Redis does not answer|Redis answers again") == 2
        own_redis.send(signal.SIGSTOP)
        await asyncio.sleep(OUTAGE_S)
        own_redis.send(signal.SIGCONT)
        await clients.have_received(50)
        assert await cluster.owner() is owner


async def test_sessions_survive_restarts_of_redis_whatever_it_remembers(tmp_path: Path, own_redis: RedisServer) -> None:
    async with cluster_processes(tmp_path, own_redis) as cluster, traffic(cluster) as clients:
        owner = await cluster.owner()
        for _ in range(2):
            await clients.have_received(50)
            own_redis.kill()
            own_redis.start()
        await clients.have_received(50)
        assert await cluster.owner() is owner
        for each in cluster.instances:
            each.is_unharmed = False  # from here on, what Redis had for plain clients at other sidecars is lost

        own_redis.kill()
        own_redis.forget()
        own_redis.start()
        await owner.program.line("Redis had lost the state of the cluster, and has it again")
        await clients.have_received(50)

        with cluster.redis.pipeline() as at_once:
            at_once.flushall()
            at_once.eval(scripts.JOIN, 0, "0", "r0000009-newcomer", "key", 1000, 1, "r0000009-newcomer")
            at_once.execute()
        await owner.program.line("Redis had lost the state of the cluster, and has it again", 2)
        await clients.have_received(50)

        own_redis.save_copy(tmp_path / "copy")
        await asyncio.sleep(1)
        own_redis.kill()
        own_redis.forget()
        own_redis.restore_copy(tmp_path / "copy")
        own_redis.start()
        await owner.program.line("Redis had lost the state of the cluster, and has it again", 3)
        await clients.have_received(50)
        assert await cluster.owner() is owner
