"""When a sidecar of a cluster stops, crashes or hangs, the sessions of its clients continue at the other sidecars."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from tests.cluster.traffic import Traffic, traffic
from tests.kit.cluster_processes import LEASE_S, ClusterProcesses, cluster_processes
from tests.kit.redis_server import RedisServer

LAX = ("-m", "tests.kit.lax_sidecar")


async def test_killing_sidecars_costs_their_clients_nothing_but_a_reconnect(
    tmp_path: Path, redis: RedisServer, measured: list[str]
) -> None:
    async with cluster_processes(tmp_path, redis) as cluster, traffic(cluster) as clients:
        await clients.have_received(50)
        await (await cluster.fronts())[0].kill()
        await clients.have_received(50)
        await (await cluster.owner()).kill()
        killed_s = time.monotonic()
        await cluster.owner()
        await clients.have_received(50)
        silence_s = clients.silence_s(killed_s)
        measured.append(f"kill -9 of an owner with a lease of {LEASE_S:g} s: {silence_s:.2f} s of silence")


async def test_stopping_sidecars_costs_their_clients_nothing_but_a_reconnect(
    tmp_path: Path, redis: RedisServer, measured: list[str]
) -> None:
    async with cluster_processes(tmp_path, redis) as cluster, traffic(cluster) as clients:
        await clients.have_received(50)
        owner, [front, last] = await cluster.owner(), await cluster.fronts()
        stopped_s = time.monotonic()
        owner.send(signal.SIGTERM)
        assert await owner.program.ended() == 0
        await clients.have_received(50)
        silence_s = clients.silence_s(stopped_s)
        measured.append(f"SIGTERM of an owner: {1000 * silence_s:.0f} ms of silence")
        assert silence_s < LEASE_S * 2 / 3, "the others waited for the end of the owner's lease"
        if front is await cluster.owner():
            front = last
        front.send(signal.SIGTERM)
        assert await front.program.ended() == 0
        await clients.have_received(50)


async def test_an_owner_that_stood_still_does_no_harm_when_it_goes_on(tmp_path: Path, redis: RedisServer) -> None:
    async with cluster_processes(tmp_path, redis) as cluster, traffic(cluster) as clients:
        for _ in range(2):
            await _stand_still_and_go_on(cluster, clients, "treated it as gone")


async def test_the_fence_alone_holds_an_old_owner_back(tmp_path: Path, redis: RedisServer) -> None:
    """In this test, Redis does not tell the old owner that the other sidecars treat it as dead."""
    program = [*LAX, "buried"]
    async with cluster_processes(tmp_path, redis, program=program) as cluster, traffic(cluster) as clients:
        await _stand_still_and_go_on(cluster, clients, "another instance has the rooms now|older state")


async def test_without_the_fence_the_histories_show_that_there_are_two_owners(
    tmp_path: Path, redis: RedisServer
) -> None:
    program = [*LAX, "buried,fenced,lost"]
    async with cluster_processes(tmp_path, redis, program=program) as cluster:
        with pytest.raises(AssertionError, match="lost"):
            async with traffic(cluster, quiet_within_s=2) as clients:
                await _stand_still_and_go_on(cluster, clients)


async def _stand_still_and_go_on(cluster: ClusterProcesses, clients: Traffic, then: str | None = None) -> None:
    """Suspend the owner until another sidecar is the owner.

    If `then` is given, assert that the old owner then joins the cluster again, and prints this reason.
    """
    await clients.have_received(50)
    old = await cluster.owner()
    old.send(signal.SIGSTOP)
    assert await cluster.owner() is not old
    await asyncio.sleep(0.3)  # in this time, clients of the other sidecars exchange frames
    old.send(signal.SIGCONT)
    if then is not None:
        await old.program.line(f"joins the cluster again.* ({then})")
    await clients.have_received(50)
