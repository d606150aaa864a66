"""The sidecars log in to Redis as a user of their own, who may do only what OPERATORS.md says."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
from redis import Redis

from tests.cluster.traffic import traffic
from tests.kit.cluster_processes import cluster_processes
from tests.kit.readme import OPERATORS
from tests.kit.redis_server import RedisServer


async def test_the_permissions_on_the_page_for_operators_are_enough(
    tmp_path: Path, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    [command] = re.findall(r"`(ACL SETUSER sidecar [^`]*)`", OPERATORS.read_text("utf-8"))
    with Redis(port=own_redis.port) as redis:
        redis.execute_command(*command.split())
    monkeypatch.setenv("SIDECAR_CLUSTER_PASSWORD", "password")
    async with cluster_processes(tmp_path, own_redis, count=0) as cluster:
        for _ in range(2):
            await cluster.start(f"redis://sidecar@127.0.0.1:{own_redis.port}/0")
        async with traffic(cluster) as clients:
            await clients.have_received(50)
            owner = await cluster.owner()
            for each in cluster.instances:
                each.is_unharmed = False  # plain clients lose the frames that are in Redis now
            cluster.redis.flushall()
            await owner.program.line("Redis had lost the state of the cluster, and has it again")
            await clients.have_received(50)
            owner.send(signal.SIGTERM)
            await clients.have_received(50)
