"""A replica of Redis replaces the server under the same address, as with Sentinel or a managed service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from redis import Redis

from tests.cluster.traffic import Traffic, traffic
from tests.kit.cluster_processes import ClusterProcesses, cluster_processes
from tests.kit.fault_proxy import FaultProxy, fault_proxy
from tests.kit.programs import until
from tests.kit.redis_server import RedisServer, running_redis


class Replicated(NamedTuple):
    """A cluster that reaches Redis through the proxy `address`. A test changes its `upstream` to the replica."""

    cluster: ClusterProcesses
    clients: Traffic
    replica: RedisServer
    address: FaultProxy
    replication: FaultProxy
    """The proxy through which the replica reaches the server."""


@asynccontextmanager
async def replicated(folder: Path, server: RedisServer) -> AsyncIterator[Replicated]:
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(fault_proxy(server.port))
        replication = await stack.enter_async_context(fault_proxy(server.port))
        replica = stack.enter_context(running_redis(folder / "replica"))
        with Redis(port=replica.port) as client:
            client.replicaof("127.0.0.1", replication.port)
            await until(lambda: client.info("replication")["master_link_status"] == "up", "the replica has all")
        cluster = await stack.enter_async_context(cluster_processes(folder, replica, count=0))
        for _ in range(2):
            await cluster.start(f"redis://127.0.0.1:{address.port}/0")
        clients = await stack.enter_async_context(traffic(cluster))
        await clients.have_received(50)
        yield Replicated(cluster, clients, replica, address, replication)


async def test_nothing_is_lost_if_the_replica_has_everything(tmp_path: Path, own_redis: RedisServer) -> None:
    async with replicated(tmp_path, own_redis) as (cluster, clients, replica, address, _):
        owner = await cluster.owner()
        with Redis(port=own_redis.port) as old:
            old.execute_command("FAILOVER")
            await until(lambda: old.info("replication")["role"] == "slave", "the replica has taken over")
        address.upstream = replica.port
        await clients.have_received(50)
        assert await cluster.owner() is owner


async def test_clients_that_resume_lose_nothing_if_the_replica_lacks_the_last_second(
    tmp_path: Path, own_redis: RedisServer
) -> None:
    async with replicated(tmp_path, own_redis) as (cluster, clients, replica, address, replication):
        owner = await cluster.owner()
        replication.hold()
        await clients.have_received(50)
        own_redis.kill()
        for each in cluster.instances:
            each.is_unharmed = False  # frames between plain clients at different sidecars may be lost
        with Redis(port=replica.port) as new:
            new.replicaof("NO", "ONE")
        address.upstream = replica.port
        await owner.program.line("Redis had lost the state of the cluster, and has it again")
        await clients.have_received(50)
        assert await cluster.owner() is owner
