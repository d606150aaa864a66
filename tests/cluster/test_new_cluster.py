"""A sidecar continues in another cluster if Redis loses its data and the owner is lost at the same time, as when the
machine of both is started again."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.cluster.instance import Instance
from signaling_sidecar.cluster.link import Link
from signaling_sidecar.server.sockets import connection
from tests.kit.clustered import serve_instance
from tests.kit.pairing_client import CANONICAL, peer_joined, register
from tests.kit.programs import until
from tests.kit.receiving import PATIENCE_S
from tests.kit.redis_server import RedisServer
from tests.kit.serving import Served


async def serve_beside_a_lost_owner(client: AiohttpClient, folder: Path, redis: RedisServer, link: Link) -> Served:
    """Serve a sidecar whose cluster has an owner that has just been lost."""
    owner = Instance(link, "r0000001-aa", 60.0, b"key")
    await owner.join(may_found=True)
    await owner.claim(from_silent=False)
    return await serve_instance(client, folder, redis.url)


async def has_joined_again(served: Served) -> None:
    def joins() -> int:
        cluster = served.sidecar._hub.in_cluster()
        return cluster.joins if cluster is not None else 0

    await until(lambda: joins() == 2, "the sidecar has joined again")


async def test_a_code_leads_to_the_same_room_at_all_sidecars_of_the_new_cluster(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer, link: Link
) -> None:
    served = await serve_beside_a_lost_owner(aiohttp_client, tmp_path / "old", redis, link)
    redis.empty()
    founder = await serve_instance(aiohttp_client, tmp_path / "new", redis.url)
    await has_joined_again(served)
    phone, laptop = await served.connect(CANONICAL), await founder.connect(CANONICAL)
    await phone.ask(register("ABC234"))
    await laptop.ask(register("ABC234"))
    assert await phone.receive() == peer_joined("ABC234")


async def test_a_connection_of_the_old_cluster_that_ends_late_ends_none_of_the_new_one(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "STOP_WITHIN_S", PATIENCE_S)
    served = await serve_beside_a_lost_owner(aiohttp_client, tmp_path / "old", redis, link)
    slow = await served.connect()
    redis.empty()
    founder = await serve_instance(aiohttp_client, tmp_path / "new", redis.url)
    await has_joined_again(served)
    ann, ben = await served.connect(), await founder.connect()
    await ann.join("ann")
    await ben.join("ben")
    assert (await ann.receive())["type"] == "peer_joined"
    await slow.receives_the_end()
    await served.settled()
    await ben.send({"type": "offer", "to": "ann", "payload": {}})
    assert (await ann.receive())["type"] == "offer"
    await ben.hears_nothing()
