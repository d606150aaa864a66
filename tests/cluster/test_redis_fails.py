"""Redis stops, restarts or loses its data, while the clients of a cluster send frames."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient
from redis import Redis

from signaling_sidecar.cluster import scripts
from signaling_sidecar.server.clustered import outages
from tests.cluster.traffic import traffic
from tests.kit.cluster_processes import cluster_processes
from tests.kit.clustered import serve_cluster
from tests.kit.programs import until
from tests.kit.receiving import PATIENCE_S
from tests.kit.redis_server import RedisServer
from tests.kit.serving import Served

OUTAGE_S = 5.0


async def test_everything_waits_while_redis_does_not_answer_or_is_full(tmp_path: Path, own_redis: RedisServer) -> None:
    async with cluster_processes(tmp_path, own_redis) as cluster, traffic(cluster) as clients:
        await clients.have_received(50)
        owner = await cluster.owner()
        cluster.redis.config_set("maxmemory", 1)
        for each in cluster.instances:
            await each.program.line("the memory of Redis is full .*maxmemory")
        cluster.redis.config_set("maxmemory", 0)
        for each in cluster.instances:
            await each.program.line("Redis answers again")
            assert each.program.count("everything waits for it|Redis answers again") == 2
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
            each.is_unharmed = False  # plain clients lose the frames that are in Redis now

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
        assert [each.program.count("is ignored") for each in cluster.instances] == [0, 0, 0]


async def says_when_asked_whether_it_is_ready(served: Served, wrong: str) -> None:
    """Wait until the sidecar answers that it is not ready, for exactly this reason."""
    told = {"status": "not-ready", "code": "redis-away", "message": f"nothing reaches the peers at the moment: {wrong}"}
    async with asyncio.timeout(PATIENCE_S):
        while await (await served.client.get("/ready")).json() != told:
            await served.settled()


async def test_whoever_asks_a_sidecar_whether_it_is_ready_is_told_what_is_wrong_with_redis(
    aiohttp_client: AiohttpClient, tmp_path: Path, own_redis: RedisServer
) -> None:
    [served] = (await serve_cluster(aiohttp_client, tmp_path, own_redis.url, 1)).instances
    with Redis(port=own_redis.port) as redis:
        redis.config_set("maxmemory", 1)
        await served.connect()  # the sidecar must write something, because a full Redis refuses only writes
        await says_when_asked_whether_it_is_ready(served, "the memory of Redis is full")
        redis.config_set("maxmemory", 0)
        redis.replicaof("127.0.0.1", "1")
        await says_when_asked_whether_it_is_ready(served, "Redis refuses commands")
        redis.replicaof("no", "one")
        redis.config_set("requirepass", "hush-hush")
        redis.client_kill_filter(_type="normal", skipme=True)
        await says_when_asked_whether_it_is_ready(served, "Redis requires a password")
    own_redis.kill()
    await says_when_asked_whether_it_is_ready(served, "Redis does not answer")


async def test_a_sidecar_that_cannot_read_messages_is_not_ready_although_it_can_write(
    aiohttp_client: AiohttpClient, tmp_path: Path, own_redis: RedisServer
) -> None:
    with Redis(port=own_redis.port) as redis:
        redis.execute_command("ACL", "SETUSER", "default", "-xread")
        [served] = (await serve_cluster(aiohttp_client, tmp_path, own_redis.url, 1)).instances
        await says_when_asked_whether_it_is_ready(served, "Redis refuses commands")
        redis.execute_command("ACL", "SETUSER", "default", "+xread")
        await until(lambda: served.sidecar._hub.why_not_ready() is None, "the sidecar can read messages")


async def test_nobody_is_told_that_a_peer_has_left_just_after_the_last_of_several_outages(
    own_redis: RedisServer,
    aiohttp_client: AiohttpClient,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO, "signaling_sidecar")
    monkeypatch.setattr(outages, "REST_S", 3.0)
    [served] = (await serve_cluster(aiohttp_client, tmp_path, own_redis.url, 1, grace_s=3.5)).instances
    ann, ben = await served.connect(), await served.connect()
    await ann.join("ann")
    await ben.join("ben")
    assert (await ann.receive())["type"] == "peer_joined"
    await ben.socket.close(code=4999)
    assert (await ann.receive())["away"]
    ann.skips = lambda frame: frame["type"] == "pong"
    with Redis(port=own_redis.port) as client:
        for _ in range(2):
            client.config_set("maxmemory", 1)
            await ann.send({"type": "ping"})  # the sidecar must write something
            await says_when_asked_whether_it_is_ready(served, "the memory of Redis is full")
            client.config_set("maxmemory", 0)
            await until(lambda: served.sidecar._hub.why_not_ready() is None, "Redis answers again")
    assert (await ann.receive())["type"] == "peer_left"
    back_ts = max(record.created for record in caplog.records if record.message == "Redis answers again")
    assert time.time() - back_ts >= outages.REST_S


async def test_a_client_that_comes_back_while_redis_stands_still_has_its_session(
    own_redis: RedisServer, aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await serve_cluster(aiohttp_client, tmp_path, own_redis.url, grace_s=3.0)
    ben = await served.front.connect()
    ticket = (await ben.join("ben", resume=True))["resume"]
    await ben.socket.close(code=4999)
    await until(lambda: len(served.records("peer.away")) == 1, "the owner knows that the peer is away")
    own_redis.send(signal.SIGSTOP)
    again = await served.front.connect()
    await again.send(
        {"type": "join", "roomId": "bar", "peerId": "ben", "resume": {"token": ticket["token"], "after": 0}}
    )
    await asyncio.sleep(4.0)  # the grace period would have ended, and no command has failed yet
    own_redis.send(signal.SIGCONT)
    assert (await again.receive())["type"] == "resumed"
