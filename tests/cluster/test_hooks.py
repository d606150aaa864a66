"""The hooks of a cluster run at the owner, and decide about the clients of all instances."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.cluster.instance import Instance
from signaling_sidecar.cluster.link import Link
from signaling_sidecar.cluster.messages import Call, Check
from signaling_sidecar.cluster.numbers import connection_number
from signaling_sidecar.cluster.posts import Post
from signaling_sidecar.cluster.wire import encode_to_owner
from signaling_sidecar.hub import RoomKey
from signaling_sidecar.hub.commands import Join
from signaling_sidecar.server.user_hooks import checks
from tests.kit.clustered import ServedCluster, is_owner, serve_cluster, serve_instance
from tests.kit.guarded import is_refused
from tests.kit.programs import until
from tests.kit.redis_server import RedisServer
from tests.kit.serving import Served

HOOKS = """
def admit(connection):
    return connection.query.get("name") != "nobody"

def on_join(join):
    return join.peer != "eve" and len(join.present) < 2

def on_relay(relay):
    return relay.kind != "offer" or relay.sender == "ann"

def room_rules(room):
    return {"listed": False}

def on_leave(leave):
    from pathlib import Path
    with (Path(__file__).parent / "left").open("a") as file:
        print(leave.peer, file=file)
"""
NOBODY = "def on_join(join):\n    return False\n"
SLOW_HOOKS = """
import asyncio
from pathlib import Path

async def on_join(join):
    folder = Path(__file__).parent
    (folder / f"asked-{join.peer}").touch()
    while not (folder / "decide").exists():
        await asyncio.sleep(0.01)
    return join.peer != "eve"
"""
COUNTING_HOOKS = """
from pathlib import Path

def on_join(join):
    with (Path(__file__).parent / "asked").open("a") as file:
        print(join.peer, file=file)
"""


ROOM = RoomKey("rooms", "bar")


def asked(folder: Path) -> list[str]:
    """Return the peers about which the hook in `COUNTING_HOOKS` was asked."""
    return (folder / "asked").read_text().split() if (folder / "asked").exists() else []


async def hooked_cluster(
    client: AiohttpClient, folder: Path, server: RedisServer, code: str, count: int = 2
) -> ServedCluster:
    file = folder / "signaling_hooks.py"
    file.write_text(code)
    return await serve_cluster(client, folder, server.url, count, hooks=file)


async def test_hooks_decide_for_the_clients_of_all_instances(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer
) -> None:
    served = await hooked_cluster(aiohttp_client, tmp_path, redis, HOOKS)
    for each in served.instances:
        assert await is_refused(each, "/ws/signaling?name=nobody") == 403
        assert (await (await each.connect()).join("eve"))["code"] == "refused-by-hook"
    ann, ben, dan = await served.front.connect(), await served.owner.connect(), await served.front.connect()
    await ann.join("ann")
    await ben.join("ben")
    assert (await ann.receive())["type"] == "peer_joined"
    assert (await dan.join("dan"))["code"] == "refused-by-hook"  # the room has two peers, at different instances
    await ann.send({"type": "offer", "to": "ben", "sdp": "v=0"})
    assert (await ben.receive())["type"] == "offer"
    assert (await ben.ask({"type": "offer", "to": "ann", "sdp": "v=0"}))["code"] == "refused-by-hook"
    await ben.send({"type": "answer", "to": "ann", "sdp": "v=0"})
    assert (await ann.receive())["type"] == "answer"
    for each in served.instances:
        async with each.client.get("/ws/signaling/rooms") as answer:
            assert (await answer.json())["rooms"] == []  # they are not listed
    for peer in (ann, ben):
        await peer.send({"type": "leave"})
    await until((tmp_path / "left").exists, "the hook is called")
    await until(lambda: sorted((tmp_path / "left").read_text().split()) == ["ann", "ben"], "the hook is called twice")


async def test_a_hook_that_fails_or_takes_too_long_refuses_at_every_instance(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "HOOK_WITHIN_S", 0.2)
    code = "import asyncio\nasync def on_join(join):\n    await (asyncio.sleep(60) if join.peer == 'slow' else 7 / 0)\n"
    served = await hooked_cluster(aiohttp_client, tmp_path, redis, code)
    for each in served.instances:
        for peer in ("slow", "bad"):
            assert (await (await each.connect()).join(peer))["code"] == "refused-by-hook"
    failed = [record["data"] for record in served.records("hook.failed")]
    assert failed == 2 * [
        {"hook": "on_join", "error": "TimeoutError"},
        {"hook": "on_join", "error": "ZeroDivisionError"},
    ]


async def test_a_client_gets_an_answer_if_the_rooms_move_while_a_hook_decides(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer
) -> None:
    served = await hooked_cluster(aiohttp_client, tmp_path, redis, SLOW_HOOKS)
    first, second = served.owner, served.front
    asking = [
        asyncio.create_task((await each.connect()).join(peer))
        for each, peer in ((first, "ann"), (first, "eve"), (second, "ben"), (second, "eve"))
    ]
    await until(lambda: all((tmp_path / f"asked-{peer}").exists() for peer in ("ann", "ben", "eve")), "hooks are asked")
    await first.sidecar._hub.hand_over()
    await until(lambda: is_owner(second), "the second sidecar has the rooms")
    (tmp_path / "decide").touch()
    answers = await asyncio.gather(*asking)
    assert [answer.get("code") or answer["type"] for answer in answers] == [
        "peer_list",
        "refused-by-hook",
        "peer_list",
        "refused-by-hook",
    ]
    assert sorted(record["peer"] for record in served.records("peer.joined")) == ["ann", "ben"]


async def test_a_hook_is_called_once_for_a_command_that_has_waited_for_an_owner(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer, release_rooms: Callable[[], Awaitable[None]]
) -> None:
    (tmp_path / "signaling_hooks.py").write_text(COUNTING_HOOKS)
    served = await serve_instance(aiohttp_client, tmp_path, redis.url, hooks=tmp_path / "signaling_hooks.py")
    ann = await served.connect()
    await ann.send({"type": "join", "roomId": "bar", "peerId": "ann"})
    await until(lambda: b"Check" in redis.content(), "the command waits in Redis")
    await release_rooms()
    assert (await ann.receive())["type"] == "peer_list"
    assert await ann.ask({"type": "ping"}) == {"type": "pong"}
    assert (tmp_path / "asked").read_text() == "ann\n"


async def test_the_hooks_are_called_for_an_instance_with_the_number_of_an_earlier_one(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer, link: Link
) -> None:
    (tmp_path / "signaling_hooks.py").write_text(COUNTING_HOOKS)
    hooks = tmp_path / "signaling_hooks.py"
    served = await serve_instance(aiohttp_client, tmp_path, redis.url, hooks=hooks, cluster_lease_s=60.0)
    observer = await served.connect()
    assert await observer.ask({"type": "ping"}) == {"type": "pong"}
    numbers = []
    for peer in ("ann", "ben"):
        instance = Instance(link, f"r0000001-{peer}", 60.0, b"key")
        await instance.join(may_found=False)
        numbers.append(instance.number)
        join = Join(connection=connection_number(instance.number or 0, 1), room=ROOM, at_ms=0, peer=peer)
        await instance.post(Post(1, encode_to_owner([Call(1, Check(join))])))
        await until(lambda peer=peer: peer in asked(tmp_path), f"the hook is asked about {peer}")
        redis.empty()
        assert await observer.ask({"type": "ping"}) == {"type": "pong"}  # the owner gives Redis the state again
    assert numbers == [2, 2]


async def test_a_client_that_is_gone_when_a_hook_has_decided_joins_nothing(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer
) -> None:
    served = await hooked_cluster(aiohttp_client, tmp_path, redis, SLOW_HOOKS)
    for each in served.instances:
        peer = await each.connect()
        await peer.send({"type": "join", "roomId": "bar", "peerId": "ann"})
        await until((tmp_path / "asked-ann").exists, "the hook is asked")
        peer.socket._response.connection.transport.abort()  # type: ignore[union-attr]
        (tmp_path / "asked-ann").unlink()
    (tmp_path / "decide").touch()
    await until(lambda: len(served.records("connection.closed")) == 2, "both connections have ended")
    await served.settled()
    hub = await served.sidecar.rooms.hub()
    assert not [session for room in hub.membership.rooms for session in room.sessions.values() if session.connection]


async def test_hooks_that_are_saved_are_in_use_for_the_clients_of_all_instances(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer
) -> None:
    served = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        served.append(await hooked_cluster(aiohttp_client, tmp_path / name, redis, NOBODY, count=1))
    for each in served:
        assert (await (await each.connect()).join("ann"))["code"] == "refused-by-hook"
    # The instances load their hooks one after the other, because both are in this process.
    for count, name in enumerate(("one", "two"), 1):
        (tmp_path / name / "signaling_hooks.py").write_text("def on_join(join):\n    return True\n")
        await until(lambda count=count: len(served[0].records("hooks.swapped")) == count, "the new hooks are in use")
    for each, peer in zip(served, ("ann", "ben"), strict=True):
        assert (await (await each.connect()).join(peer))["type"] == "peer_list"


async def test_hooks_that_load_for_longer_than_the_lease_do_not_lose_it(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer
) -> None:
    first = await serve_instance(aiohttp_client, tmp_path / "one", redis.url, cluster_lease_s=0.5)
    file = tmp_path / "signaling_hooks.py"
    file.write_text("import time\ntime.sleep(0.8)\n")
    second = await serve_instance(aiohttp_client, tmp_path / "two", redis.url, cluster_lease_s=0.5, hooks=file)
    await (await second.connect()).join("ann")
    await until(lambda: first.records("peer.joined"), "the owner has admitted the peer")
    assert [record["data"]["instance"] for record in first.records("instance.joined")] == [1, 2]
    assert first.records("instance.left") == []


async def test_an_instance_that_takes_over_gives_all_rooms_the_rules_of_its_hooks(
    aiohttp_client: AiohttpClient, tmp_path: Path, redis: RedisServer
) -> None:
    served: list[Served] = []
    for name, capacity in (("old", 5), ("new", 1)):
        (tmp_path / name).mkdir()
        code = f"def room_rules(room):\n    return {{'capacity': {capacity}}}\n"
        served += (await hooked_cluster(aiohttp_client, tmp_path / name, redis, code, count=1)).instances
    old, new = served
    ann = await new.connect()
    assert (await ann.join("ann"))["type"] == "peer_list"
    await old.stop()
    await until(lambda: len(new.records("room.ruled")) == 1, "the new owner has set the rules")
    assert (await (await new.connect()).join("ben"))["code"] == "room-full"
