"""The HTTP routes of every instance show and change the same rooms, also at an instance that is not the owner."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.cluster.messages import TakeSnapshot
from signaling_sidecar.server.admin.openapi import PREFIX, document
from signaling_sidecar.server.clustered import side, snapshot
from tests.kit.clustered import ServedCluster, serve_cluster, serve_instance
from tests.kit.programs import until
from tests.kit.redis_server import RedisServer
from tests.kit.serving import PATIENCE_S, Served

BAR = f"{PREFIX}/rooms/rooms/bar"


async def boot_for_the_page(served: Served) -> str:
    headers = {"Authorization": f"Bearer {served.sidecar.admin_token}"}
    async with served.client.get(f"{PREFIX}/inspector/changes", headers=headers) as stream:
        boot: str = json.loads(await stream.content.readline())["boot"]
        return boot


async def call(served: Served, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {served.sidecar.admin_token}"}
    async with served.client.request(method, path, headers=headers, json=body) as answer:
        return answer.status, await answer.json()


@pytest.fixture
async def served(aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer) -> ServedCluster:
    served = await serve_cluster(aiohttp_client, tmp_path, redis.url, peerjs_discovery=True)
    for name in ("ann", "ben"):
        await (await served.connect()).join(name)
    await served.connect("/peerjs?key=peerjs&id=cleo&token=t")
    await served.settled()
    return served


@pytest.mark.parametrize(
    "path",
    [
        f"{PREFIX}/rooms",
        f"{PREFIX}/inspector/rooms/rooms/bar",
        "/ws/signaling/rooms",
        "/ws/signaling/people",
        "/peerjs/peers",
    ],
)
async def test_every_instance_shows_the_same_rooms(served: ServedCluster, path: str) -> None:
    async def shown(each: Served) -> Any:
        status, body = await call(each, "GET", path)
        assert status == 200
        if "verdicts" in body:
            body = [verdict["sessions"] for verdict in body["verdicts"]]  # the others depend on the request's time
        return json.loads(json.dumps(body).replace(each.sidecar.boot, "the boot"))

    async with asyncio.timeout(PATIENCE_S):
        while (of_owner := await shown(served.owner)) != await shown(served.front):
            pass  # the log reaches the front a moment later
    assert "ann" in str(of_owner) or "bar" in str(of_owner) or of_owner == ["cleo"] or len(of_owner[0]) == 2


async def test_the_inspector_does_not_take_another_instance_for_a_restart(served: ServedCluster) -> None:
    """Whenever its tab becomes visible, the page may reach another instance, whose records have the same numbers."""
    assert await boot_for_the_page(served.owner) == await boot_for_the_page(served.front)


async def test_the_verdicts_of_every_instance_are_the_same(served: ServedCluster) -> None:
    async def verdicts(each: Served) -> list[str]:
        _, why = await call(each, "GET", f"{PREFIX}/why")
        return [verdict["sentence"] for verdict in why["verdicts"]]

    async with asyncio.timeout(PATIENCE_S):
        while not await verdicts(served.owner) == await verdicts(served.front) != []:
            pass


async def test_the_admin_of_every_instance_reaches_the_peers_of_all(served: ServedCluster) -> None:
    for number, each in enumerate(served.instances):
        room = f"club-{number}"
        dan, eve = await served.connect(), await served.connect()
        await dan.join("dan", room=room)
        await eve.join("eve", room=room)
        club = f"{PREFIX}/rooms/rooms/{room}"
        await dan.receive()
        assert await call(each, "POST", f"{club}/say", {"text": "last orders"}) == (200, {})
        for peer in (dan, eve):
            assert (await peer.receive())["text"] == "last orders"
        assert (await call(each, "PUT", f"{club}/rules", {"capacity": 2}))[0] == 200
        assert (await (await served.connect()).join("fay", room=room))["code"] == "room-full"
        _, state = await call(each, "GET", f"{PREFIX}/rooms")
        assert [each_room["capacity"] for each_room in state["rooms"] if each_room["room"] == room] == [2]
        assert await call(each, "POST", f"{club}/kick", {"peer": "eve"}) == (200, {})
        assert (await eve.closed())[0] == 4003
        assert (await call(each, "POST", f"{club}/kick", {"peer": "eve"}))[0] == 404
        assert await call(each, "POST", f"{club}/close", {}) == (200, {})
        _, state = await call(each, "GET", f"{PREFIX}/rooms")
        assert room not in [each_room["room"] for each_room in state["rooms"]]


async def test_while_the_owner_does_not_answer_the_routes_say_so(
    own_redis: RedisServer, aiohttp_client: AiohttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side, "ANSWER_WITHIN_S", 0.2)
    served = await serve_cluster(aiohttp_client, tmp_path, own_redis.url)
    front = served.front
    own_redis.kill()
    paths = document()["paths"]
    for method, path, body in (("get", f"{PREFIX}/rooms", None), ("post", f"{BAR}/kick", {"peer": "ann"})):
        status, answer = await call(front, method.upper(), path, body)
        assert (status, answer["code"]) == (503, "rooms-unavailable")
        described = paths[path.replace("rooms/rooms/bar", "rooms/{dialect}/{room}")][method]
        assert "rooms-unavailable" in described["responses"]["503"]["description"]
    own_redis.start()
    while (await call(front, "GET", f"{PREFIX}/rooms"))[0] != 200:
        pass


async def test_a_command_that_waits_for_an_owner_is_carried_out_once(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer, release_rooms: Callable[[], Awaitable[None]]
) -> None:
    served = await serve_instance(aiohttp_client, tmp_path, redis.url)
    ann = await served.connect()
    await ann.send({"type": "join", "roomId": "bar", "peerId": "ann"})
    saying = asyncio.create_task(call(served, "POST", f"{BAR}/say", {"text": "last orders"}))
    await until(lambda: b"last orders" in redis.content(), "the command waits in Redis")
    await release_rooms()
    assert (await ann.receive())["type"] == "peer_list"
    assert await saying == (200, {})
    assert (await ann.receive())["text"] == "last orders"
    assert await ann.ask({"type": "ping"}) == {"type": "pong"}


async def test_many_who_watch_a_large_hub_share_a_copy_of_it(
    served: ServedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "SMALL", 2)
    calls: list[object] = []
    owner_side = served.front.sidecar.rooms.owner  # type: ignore[attr-defined]
    real = owner_side._call
    monkeypatch.setattr(owner_side, "_call", lambda request: calls.append(request) or real(request))
    path = f"{PREFIX}/rooms"
    await call(served.front, "GET", path)
    calls.clear()
    await asyncio.gather(*(call(served.front, "GET", path) for _ in range(10)))
    assert calls == [TakeSnapshot()]
    assert (await call(served.front, "POST", f"{BAR}/close", {}))[0] == 200
    _, state = await call(served.front, "GET", path)
    assert "bar" not in [room["room"] for room in state["rooms"]]
