"""The connection of a sidecar to Redis is unreliable or breaks, while the clients of the cluster send frames."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import uvloop

from signaling_sidecar.cluster import scripts
from signaling_sidecar.cluster.link import Link, RedisAway
from tests.cluster.traffic import traffic
from tests.kit.cluster_processes import LEASE_S, cluster_processes
from tests.kit.fault_proxy import fault_proxy
from tests.kit.redis_server import RedisServer

SHAKY = ("-m", "tests.kit.shaky_sidecar", "0.05")


async def test_a_sidecar_that_was_cut_off_from_redis_joins_again(tmp_path: Path, redis: RedisServer) -> None:
    async with AsyncExitStack() as stack:
        proxies = [await stack.enter_async_context(fault_proxy(redis.port)) for _ in range(3)]
        cluster = await stack.enter_async_context(cluster_processes(tmp_path, redis, count=0))
        starting = (cluster.start(f"redis://127.0.0.1:{each.port}/0") for each in proxies)
        proxy_of = dict(zip(await asyncio.gather(*starting), proxies, strict=True))
        await cluster.steady()
        clients = await stack.enter_async_context(traffic(cluster))
        for cut_off in (await cluster.owner(), (await cluster.fronts())[0]):
            await clients.have_received(50)
            cut_off.lives = cut_off.is_unharmed = False
            await proxy_of[cut_off].stall(2.5 * LEASE_S)
            await cut_off.program.line("joins the cluster again")
            cut_off.lives = True
            await clients.have_received(50)


async def test_lost_commands_and_late_answers_of_redis_lose_nothing(tmp_path: Path, redis: RedisServer) -> None:
    async with cluster_processes(tmp_path, redis, program=SHAKY) as cluster, traffic(cluster) as clients:
        for number in (signal.SIGTERM, signal.SIGKILL):
            await clients.have_received(50)
            owner = await cluster.owner()
            owner.send(number)
            await owner.program.ended()
            await cluster.start()
            await cluster.owner()
        await clients.have_received(50)


def test_a_connection_that_redis_has_closed_a_moment_ago_counts_as_an_outage(redis: RedisServer) -> None:
    """uvloop, with which a sidecar runs, raises RuntimeError in such a moment."""

    async def use_closed_connection() -> None:
        link = Link(redis.url, None)
        try:
            await link.run(scripts.REVOKED, "", "", "0")
            link._scripts.connection._writer.close()
            with pytest.raises(RedisAway, match="it closed the connection"):
                await link.run(scripts.REVOKED, "", "", "0")
            assert await link.run(scripts.REVOKED, "", "", "0") == [b"ok"]
        finally:
            await link.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(use_closed_connection())
