"""A token in a cluster is accepted, refused or revoked at all instances alike."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.server.authorisation import access
from signaling_sidecar.server.sockets import token_holders
from tests.kit.clustered import ServedCluster, serve_cluster, serve_instance
from tests.kit.guarded import JWT, bearer, is_refused, revoke, token
from tests.kit.programs import until
from tests.kit.redis_server import RedisServer
from tests.kit.serving import Served

WS = "/ws/signaling"


async def guarded_cluster(client: AiohttpClient, folder: Path, server: RedisServer) -> ServedCluster:
    return await serve_cluster(client, folder, server.url, **JWT)


async def is_refused_at(served: Served, token_id: str) -> None:
    """Wait until a sidecar refuses the token with this id."""
    while True:
        async with served.client.get(f"{WS}/rooms", headers=bearer(jti=token_id)) as answer:
            if answer.status == 401:
                return


async def test_a_token_that_is_revoked_at_one_instance_ends_at_all_at_once(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer
) -> None:
    served = await guarded_cluster(aiohttp_client, tmp_path, redis)
    for number, (here, there) in enumerate(((served.owner, served.front), (served.front, served.owner))):
        jti = f"t{number}"
        near, far, other = await here.connect(), await there.connect(), await there.connect()
        await near.join("near", room=f"near-{number}", token=token(jti=jti))
        await far.join("far", room=f"far-{number}", token=token(jti=jti))
        await other.join(f"other-{number}", token=token(jti="another"))
        assert await revoke(here, {"jti": jti}) == (200, {"closed": 1})
        assert await near.closed() == await far.closed() == (4401, "token revoked")
        for each in (here, there):
            assert await is_refused(each, WS, headers=bearer(jti=jti)) == 401
        await other.send({"type": "ping"})
        assert not other.socket.closed
    assert await revoke(served.front, {"sub": "ann"}) == (200, {"closed": 1})
    for each in served.instances:
        await is_refused_at(each, "another")


async def test_an_instance_that_joins_later_or_comes_back_refuses_what_was_revoked(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer
) -> None:
    first = await serve_cluster(aiohttp_client, tmp_path / "first", redis.url, 1, **JWT)
    await revoke(first, {"jti": "t1"})
    second = await serve_cluster(aiohttp_client, tmp_path / "second", redis.url, 1, **JWT)
    assert await is_refused(second, WS, headers=bearer(jti="t1")) == 401
    await second.stop()
    await revoke(first, {"jti": "t2"})
    second = await serve_cluster(aiohttp_client, tmp_path / "second", redis.url, 1, **JWT)
    assert await is_refused(second, WS, headers=bearer(jti="t2")) == 401
    await first.stop()
    await second.stop()
    redis.empty()
    alone = await serve_cluster(aiohttp_client, tmp_path / "second", redis.url, 1, **JWT)
    third = await serve_cluster(aiohttp_client, tmp_path / "third", redis.url, 1, **JWT)
    for each in (alone, third):
        assert await is_refused(each, WS, headers=bearer(jti="t1")) == 401


async def test_what_is_revoked_while_redis_does_not_answer_is_told_to_the_others_later(
    own_redis: RedisServer, aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await guarded_cluster(aiohttp_client, tmp_path, own_redis)
    owner, front = served.owner, served.front
    own_redis.kill()
    for each, jti in ((owner, "t1"), (front, "t2")):
        status, answer = await revoke(each, {"jti": jti})
        assert (status, answer["code"]) == (503, "not-shared")
        assert await is_refused(each, WS, headers=bearer(jti=jti)) == 401
    own_redis.start()
    async with asyncio.timeout(20):
        for each, jti in ((owner, "t2"), (front, "t1")):
            await is_refused_at(each, jti)


async def test_a_redis_that_has_forgotten_everything_learns_again_what_was_revoked(
    own_redis: RedisServer, aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await guarded_cluster(aiohttp_client, tmp_path, own_redis)
    await revoke(served.front, {"jti": "t1"})
    own_redis.kill()
    own_redis.forget()
    own_redis.start()
    late = await serve_instance(aiohttp_client, tmp_path / "late", own_redis.url, **JWT)
    async with asyncio.timeout(20):
        await is_refused_at(late, "t1")


async def test_a_session_belongs_to_its_subject_at_every_instance(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer
) -> None:
    served = await guarded_cluster(aiohttp_client, tmp_path, redis)
    for here, there in ((served.owner, served.front), (served.front, served.owner)):
        ann = await here.connect()
        joined = await ann.join("ann", token=token(), resume=True)
        await ann.socket.close(code=4999)
        resume = {"token": joined["resume"]["token"], "after": 0}
        thief = await there.connect()
        assert await thief.join("ann", token=token("eve"), resume=resume) == {"type": "not_resumed", "why": "token"}
        again = await there.connect()
        assert (await again.join("ann", token=token(), resume=resume))["type"] == "resumed"
        await again.send({"type": "leave"})
        await served.settled()


async def test_no_access_token_is_sent_through_redis(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer
) -> None:
    served = await guarded_cluster(aiohttp_client, tmp_path, redis)
    peer, of_ann = await served.front.connect(), token(jti="by-frame")
    await peer.send({"type": "watch_rooms", "token": of_ann})
    await peer.receive()
    await peer.join("ann", token=of_ann)
    told = redis.content()
    assert b"signaling-sidecar:in" in told
    assert b"ann" in told
    assert of_ann.encode() not in told


async def test_a_connection_ends_with_its_token_at_every_instance(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_holders, "LOOK_AFTER_S", 0.02)
    served = await guarded_cluster(aiohttp_client, tmp_path, redis)
    peers = [await each.connect(headers=bearer()) for each in served.instances]
    monkeypatch.setattr(access, "LEEWAY_S", -120.0)
    assert [await each.closed() for each in peers] == 2 * [(4401, "token expired")]
    await until(lambda: len(served.records("auth.expired")) == 2, "both are in the log")
