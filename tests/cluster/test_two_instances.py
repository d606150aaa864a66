"""For clients, several sidecars with the same Redis server behave like one sidecar."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.errors import NoLog
from signaling_sidecar.eventlog.segments import find_segments
from tests.kit.clustered import serve_cluster
from tests.kit.pairing_client import CANONICAL, pair, peer_left, register, registered
from tests.kit.programs import until
from tests.kit.redis_server import RedisServer
from tests.kit.serving import Served


def records_below(folder: Path) -> list[list[dict[str, Any]]]:
    segments = folder.glob("**/events-*.jsonl")
    return [[json.loads(line) for line in segment.read_text().splitlines()] for segment in segments]


async def test_peers_at_different_instances_meet_in_a_room(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer
) -> None:
    served = await serve_cluster(aiohttp_client, tmp_path, redis.url)
    a, b = await served.connect(), await served.connect()
    welcome = await a.join("a")
    assert [peer["peerId"] for peer in welcome["peers"]] == []
    welcome = await b.join("b")
    assert [peer["peerId"] for peer in welcome["peers"]] == ["a"]
    joined = await a.receive()
    assert (joined["type"], joined["peerId"]) == ("peer_joined", "b")
    await a.send({"type": "offer", "to": "b", "payload": {"n": 1}})
    assert (await b.receive())["payload"] == {"n": 1}
    await b.send({"type": "answer", "to": "a", "payload": {"n": 2}})
    assert (await a.receive())["payload"] == {"n": 2}


async def test_the_record_of_a_connection_has_the_id_of_its_request_at_each_instance(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer
) -> None:
    served = await serve_cluster(aiohttp_client, tmp_path, redis.url)
    for number in range(2):
        await served.connect(headers={"X-Request-ID": f"proxy-{number}"})
    await served.settled()
    opened = served.records("connection.opened")
    assert {record["data"]["request_id"] for record in opened} == {"proxy-0", "proxy-1"}


async def test_the_log_of_each_instance_begins_at_the_time_of_its_start(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer
) -> None:
    began_s = time.time()
    served = await serve_cluster(aiohttp_client, tmp_path, redis.url)
    await served.connect()
    await served.settled()
    logs = records_below(tmp_path)
    assert len(logs) == 2
    for records in logs:
        assert [record["type"] for record in records[:2]] == ["log.header", "log.checkpoint"]
        assert all(record["ts"] > began_s - 1 for record in records)


async def test_the_log_of_the_owner_goes_on_in_a_new_file_when_its_file_was_deleted(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer
) -> None:
    served = await serve_cluster(aiohttp_client, tmp_path, redis.url)
    folder = served.owner.sidecar.state_dir
    [segment] = find_segments(folder).segments
    a, b = await served.connect(), await served.connect()
    await a.join("a")
    await b.join("b")
    segment.unlink()
    for _ in range(200):  # less than 1 MB, because the owner always begins a new file after 1 MB
        await a.send({"type": "offer", "to": "b", "payload": "x" * 1000})
        await served.settled()
        if any(each != segment for each in folder.glob("events-*.jsonl")):
            return
    pytest.fail("the log has not begun another file")


async def test_the_log_of_a_front_that_was_deleted_is_soon_complete_again(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer
) -> None:
    served = await serve_cluster(aiohttp_client, tmp_path, redis.url)
    front = served.front
    a, b = await served.connect(), await served.connect()
    await a.join("a")
    await until(lambda: len(front.records("peer.joined")) == 1, "the front has copied the first join")
    front.sidecar._hub.log.path.unlink()
    await b.join("b")
    await until(lambda: joined(front) == ["a", "b"], "the log has both joins again")


async def test_a_join_that_waits_for_a_challenge_is_answered_by_the_next_owner(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer
) -> None:
    served = await serve_cluster(aiohttp_client, tmp_path, redis.url, 3)
    owner = served.owner
    fronts = [each for each in served.instances if each is not owner]
    newcomers = []
    for front, code in zip(fronts, ("ABC234", "XYZ789"), strict=True):
        await pair(front, code, autoping=False)
        newcomer = await front.connect(CANONICAL)
        await newcomer.send(register(code))
        newcomers.append((newcomer, code))
    await until(lambda: len(owner.records("peer.challenged")) == 4, "the peers are challenged")
    served.instances.remove(owner)
    await owner.client.server.close()
    for newcomer, code in newcomers:
        assert await newcomer.receive() == registered(code)


async def test_the_frames_that_wait_for_an_owner_have_the_code_of_their_room(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = await serve_cluster(aiohttp_client, tmp_path, redis.url)
    owner, front = served.owner, served.front
    a, b = await pair(front, "ABC234")
    c, d = await pair(front, "XYZ789")
    monkeypatch.setattr(owner.sidecar._hub._member, "_do_what_is_due", asyncio.Event().wait)  # type: ignore[union-attr]
    await a.send({"type": "offer", "target": "ABC234", "payload": {"sdp": "v=0"}})
    await c.socket.close()
    assert await b.receive() == {"type": "offer", "from": "ABC234", "payload": {"sdp": "v=0"}}
    assert await d.receive() == peer_left("XYZ789")


def joined(served: Served) -> list[str]:
    with suppress(NoLog):
        return [record["peer"] for record in served.records("peer.joined")]
    return []
