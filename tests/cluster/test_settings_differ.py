"""Instances of one cluster with different settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from tests.dialects.manners import MANNERS
from tests.kit.clustered import is_owner, serve_cluster
from tests.kit.programs import until
from tests.kit.redis_server import RedisServer


async def test_the_owner_has_rooms_of_dialects_that_only_others_serve(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    owner = await serve_cluster(aiohttp_client, tmp_path / "one", redis.url, 1, dialects=("rooms",))
    await until(lambda: is_owner(owner), "the first sidecar has the rooms")
    front = await serve_cluster(aiohttp_client, tmp_path / "two", redis.url, 1, dialects=("mesh",))
    path = MANNERS["mesh"].path("bar", "ann")
    ann, ben = await front.connect(path), await front.connect(path)
    await ann.send({"type": "join", "peerId": "ann"})
    await ann.receive()
    await ben.send({"type": "join", "peerId": "ben"})
    assert "ann" in str(await ben.receive())
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_the_owner_warns_of_settings_that_differ(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    owner = await serve_cluster(aiohttp_client, tmp_path / "one", redis.url, 1, max_rooms=1)
    await until(lambda: is_owner(owner), "the first sidecar has the rooms")
    await serve_cluster(aiohttp_client, tmp_path / "two", redis.url, 1, max_rooms=1, log_total_bytes=4096)
    other = await serve_cluster(aiohttp_client, tmp_path / "three", redis.url, 1, max_rooms=2, grace_s=7.0)
    warned = "of the cluster has other settings than this sidecar: grace_s (30.0 here, 7.0 there), max_rooms (1 here, 2"
    await until(lambda: warned in caplog.text, "the owner has warned")
    assert caplog.text.count("has other settings") == 1
    await (await other.connect()).join("ann", room="one")
    assert (await (await other.connect()).join("ben", room="two"))["code"] == "too-many-rooms"


async def test_settings_that_change_at_one_instance_count_while_it_has_the_rooms(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    served = await serve_cluster(aiohttp_client, tmp_path, redis.url)
    first, second = served.owner, served.front
    second.sidecar._apply(replace(second.sidecar.settings, max_rooms=1), ["max_rooms"])
    assert "change them at all sidecars of the cluster" in caplog.text
    for room in ("one", "two"):
        assert (await (await second.connect()).join("ann", room=room))["type"] == "peer_list"
    await first.sidecar._hub.hand_over()
    await until(lambda: is_owner(second), "the second sidecar has the rooms")
    for each in (first, second):
        assert (await (await each.connect()).join("ben", room="three"))["code"] == "too-many-rooms"
        assert (await (await each.connect()).join("ben", room="two"))["type"] == "peer_list"
    second.sidecar._apply(replace(second.sidecar.settings, max_rooms=3), ["max_rooms"])
    assert (await (await first.connect()).join("cleo", room="three"))["type"] == "peer_list"
