"""`room_rules` sets the rules of a room when it is created, when the hooks file is saved, and after a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar import settings
from signaling_sidecar.hub.rules import MAX_CAPACITY, MAX_GRACE_S
from signaling_sidecar.server.user_hooks import checks
from tests.dialects.manners import MANNERS
from tests.dialects.manners.meeting import meet
from tests.kit.hooks_file import hooked, save
from tests.kit.hosted_client import guest, host
from tests.kit.programs import until
from tests.kit.serving import Served, serve

SMALL_BAR = "def room_rules(room):\n    return {'capacity': 1} if room.room == 'bar' else None\n"


async def listed(served: Served) -> list[dict[str, Any]]:
    async with served.client.get("/ws/signaling/rooms") as answer:
        rooms: list[dict[str, Any]] = (await answer.json())["rooms"]
        return rooms


async def swap(served: Served, file: Path, code: str) -> None:
    before = len(served.records("hooks.swapped"))
    save(file, code)
    await until(lambda: len(served.records("hooks.swapped")) > before, "the new hooks are in use")


async def test_a_room_is_as_large_as_the_hook_says(aiohttp_client: AiohttpClient, file: Path) -> None:
    served = await hooked(aiohttp_client, file, SMALL_BAR)
    assert (await (await served.connect()).join("ann"))["type"] == "peer_list"
    assert (await (await served.connect()).join("ben"))["code"] == "room-full"
    for peer in ("cleo", "dan"):
        assert (await (await served.connect()).join(peer, room="club"))["type"] == "peer_list"
    assert [room.get("capacity") for room in await listed(served)] == [1, None]
    assert served.records("room.created")[0]["data"]["rules"] == {"capacity": 1}


async def test_a_hook_may_make_a_room_smaller_but_not_larger_than_its_dialect_allows(
    aiohttp_client: AiohttpClient, file: Path
) -> None:
    code = "def room_rules(room):\n    return {'capacity': 50}\n"
    served = await hooked(aiohttp_client, file, code, max_peers_per_room=2)
    for peer, answer in (("ann", "peer_list"), ("ben", "peer_list"), ("cleo", "error")):
        assert (await (await served.connect()).join(peer))["type"] == answer


async def test_a_room_that_the_hook_hides_stays_hidden_if_a_client_lists_it(
    aiohttp_client: AiohttpClient, file: Path
) -> None:
    served = await hooked(aiohttp_client, file, "def room_rules(room):\n    return {'listed': room.room != 'bar'}\n")
    await (await served.connect()).join("ann", listed=True)
    await (await served.connect()).join("ben", room="club", listed=False)
    assert [room["roomId"] for room in await listed(served)] == ["club"]


async def test_the_grace_of_a_room_applies_to_lost_connections_and_not_to_leaves(
    aiohttp_client: AiohttpClient, file: Path
) -> None:
    served = await hooked(aiohttp_client, file, "def room_rules(room):\n    return {'grace_s': 0}\n")
    ann, ben = await served.connect(), await served.connect()
    await ann.join("ann")
    await ben.join("ben")
    await ann.receive()
    await ben.socket.close(code=4999)
    assert (await ann.receive())["type"] == "peer_left"


async def test_a_named_host_becomes_host_when_it_joins(aiohttp_client: AiohttpClient, file: Path) -> None:
    served = await hooked(aiohttp_client, file, "def room_rules(room):\n    return {'host': 'gina'}\n")
    hugo = await host(served)
    await guest(served, "ida", hugo)
    await hugo.send("RENAME_ROOM", newRoomName="Mine")
    assert (await hugo.hears("ROOM_RENAMED"))["roomState"]["hostId"] == "hugo"
    gina = await guest(served, "gina", hugo)
    await gina.send("RENAME_ROOM", newRoomName="Hers")
    assert (await hugo.hears("ROOM_RENAMED"))["roomState"]["hostId"] == "gina"
    assert [record["data"]["host"] for record in served.records("room.updated") if "host" in record["data"]] == [
        "hugo",
        "gina",
    ]


@pytest.mark.parametrize("dialect", MANNERS)
async def test_the_hook_is_called_in_every_dialect_except_for_rooms_of_the_matchmaker(
    aiohttp_client: AiohttpClient, file: Path, dialect: str
) -> None:
    served = await hooked(aiohttp_client, file, "def room_rules(room):\n    return {'grace_s': 7}\n")
    await meet(served, MANNERS[dialect], "first-room", "a", "b")
    (created,) = served.records("room.created")
    assert created["data"].get("rules") == (None if MANNERS[dialect].waits_for_all else {"grace_s": 7.0})


NO_RULES = [
    *("{'capacity': 0}", "{'capacity': 'many'}", "{'capacity': True}", "{'capacity': 2.5}", "{'capacity': 10 ** 30}"),
    *("{'grace_s': float('inf')}", "{'grace_s': float('nan')}", "{'grace_s': -1}", "{'grace_s': True}"),
    *("{'grace_s': '5'}", "{'grace_s': 3601}", "{'grace_s': 10 ** 400}", "{'listed': 1}", "{'host': ''}"),
    *("{'host': 7}", "{'host': 'a' * 129}", "{'host': 'a\\n'}", "{'host': '\\ud800'}", "{'size': 3}", "{1: 2}"),
    *("7", "'large'", "[('capacity', 2)]", "True", "object()", "(rules for rules in ())", "1 / 0"),
    "type('Rules', (dict,), {'__iter__': lambda rules: 1 / 0, 'items': lambda rules: 1 / 0})(capacity=2, more=3)",
]


@pytest.mark.parametrize("answer", NO_RULES, ids=range(len(NO_RULES)))
async def test_an_invalid_return_value_refuses_the_join(aiohttp_client: AiohttpClient, file: Path, answer: str) -> None:
    served = await hooked(aiohttp_client, file, f"def room_rules(room):\n    return {answer}\n")
    assert (await (await served.connect()).join("ann"))["code"] == "refused-by-hook"
    assert [record["data"]["hook"] for record in served.records("hook.failed")] == ["room_rules"]
    assert served.records("room.created") == []


def test_a_hook_may_return_every_value_that_a_setting_may_have() -> None:
    assert (MAX_CAPACITY, MAX_GRACE_S) == (10_000, settings.MAX_GRACE_S)
    kind = settings.Settings.__dataclass_fields__["max_peers_per_room"].metadata["kind"]
    assert f"to {MAX_CAPACITY}" in kind.expected


async def test_the_hook_for_rules_may_be_slow(aiohttp_client: AiohttpClient, file: Path) -> None:
    code = "import asyncio\nasync def room_rules(room):\n    await asyncio.sleep(0)\n    return {'capacity': 1}\n"
    served = await hooked(aiohttp_client, file, code)
    assert (await (await served.connect()).join("ann"))["type"] == "peer_list"
    assert (await (await served.connect()).join("ben"))["code"] == "room-full"


async def test_the_hook_is_called_again_after_the_file_is_saved_and_removes_nobody(
    aiohttp_client: AiohttpClient, file: Path
) -> None:
    served = await hooked(aiohttp_client, file, "")
    watcher, ann, ben = [await served.connect() for _ in range(3)]
    await watcher.ask({"type": "watch_rooms"})
    for peer, name in ((ann, "ann"), (ben, "ben")):
        await peer.join(name)
        await watcher.receive()
    await ann.receive()
    await swap(served, file, SMALL_BAR)
    assert [room["capacity"] for room in (await watcher.receive())["rooms"]] == [1]
    await ann.hears_nothing()
    assert (await (await served.connect()).join("cleo"))["code"] == "room-full"
    await swap(served, file, "def room_rules(room):\n    raise KeyError\n")
    assert (await listed(served))[0]["capacity"] == 1
    await swap(served, file, "def room_rules(room):\n    return None\n")
    assert "capacity" not in (await listed(served))[0]
    await ann.hears_nothing()
    assert (await ben.ask({"type": "ping"})) == {"type": "pong"}


async def test_a_hook_that_is_removed_from_the_file_leaves_no_rules_behind(
    aiohttp_client: AiohttpClient, file: Path
) -> None:
    served = await hooked(aiohttp_client, file, SMALL_BAR)
    await (await served.connect()).join("ann")
    await swap(served, file, "def on_leave(leave):\n    pass\n")
    assert (await (await served.connect()).join("ben"))["type"] == "peer_list"


async def test_a_hook_that_is_removed_while_the_sidecar_is_stopped_leaves_no_rules_behind(
    aiohttp_client: AiohttpClient, file: Path
) -> None:
    served = await hooked(aiohttp_client, file, SMALL_BAR)
    await (await served.connect()).join("ann")
    await served.stop()
    save(file, "def on_leave(leave):\n    pass\n")
    served = await serve(aiohttp_client, file.parent / "state", hooks=file)
    await until(lambda: served.records("room.ruled"), "the rules are removed")
    assert (await (await served.connect()).join("ben"))["type"] == "peer_list"


async def test_rules_that_the_admin_has_set_remain_without_a_hook(aiohttp_client: AiohttpClient, file: Path) -> None:
    served = await hooked(aiohttp_client, file, SMALL_BAR)
    await (await served.connect()).join("ann", room="club")
    headers = {"Authorization": f"Bearer {served.sidecar.admin_token}"}
    url = "/admin/v1/rooms/rooms/club/rules"
    async with served.client.put(url, json={"capacity": 1}, headers=headers) as answer:
        assert answer.status == 200
    await swap(served, file, "def on_leave(leave):\n    pass\n")
    assert (await (await served.connect()).join("ben", room="club"))["code"] == "room-full"
    await served.stop()
    save(file, "def on_leave(left):\n    pass\n")
    served = await serve(aiohttp_client, file.parent / "state", hooks=file)
    await swap(served, file, "")
    assert (await (await served.connect()).join("cleo", room="club"))["code"] == "room-full"


async def test_a_repaired_hook_does_not_wait_for_the_version_that_does_not_return(
    aiohttp_client: AiohttpClient, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "HOOK_WITHIN_S", 600.0)
    served = await hooked(aiohttp_client, file, "")
    await (await served.connect()).join("ann")
    called = file.with_name("called")
    lines = (
        "import asyncio, pathlib",
        "async def room_rules(room):",
        f"    pathlib.Path({str(called)!r}).touch()",
        "    await asyncio.Event().wait()",
    )
    save(file, "\n".join(lines))
    await until(called.exists, "the hook is called")
    await swap(served, file, SMALL_BAR)
    assert (await (await served.connect()).join("ben"))["code"] == "room-full"


async def test_a_room_that_is_created_while_the_file_is_saved_has_the_new_rules(
    aiohttp_client: AiohttpClient, file: Path
) -> None:
    called, go = file.with_name("called"), file.with_name("go")
    lines = (
        "import asyncio, pathlib",
        "async def room_rules(room):",
        f"    pathlib.Path({str(called)!r}).touch()",
        f"    while not pathlib.Path({str(go)!r}).exists():",
        "        await asyncio.sleep(0.01)",
        "    return {'capacity': 2}",
    )
    served = await hooked(aiohttp_client, file, "\n".join(lines))
    ann = await served.connect()
    await ann.send({"type": "join", "roomId": "bar", "peerId": "ann"})
    await until(called.exists, "the hook is called")
    await swap(served, file, SMALL_BAR)
    go.touch()
    assert (await ann.receive())["type"] == "peer_list"
    assert (await (await served.connect()).join("ben"))["code"] == "room-full"


@pytest.mark.parametrize("again", [SMALL_BAR, None], ids=["asked again", "without hooks"])
async def test_a_restart_keeps_the_rules_of_a_room(
    aiohttp_client: AiohttpClient, file: Path, again: str | None
) -> None:
    served = await hooked(aiohttp_client, file, SMALL_BAR)
    await (await served.connect()).join("ann")
    await served.stop()
    hooks = {} if again is None else {"hooks": file}
    served = await serve(aiohttp_client, file.parent / "state", **hooks)
    assert (await (await served.connect()).join("ben"))["code"] == "room-full"


async def test_the_grace_periods_after_a_restart_begin_when_the_hooks_are_loaded(
    aiohttp_client: AiohttpClient, file: Path
) -> None:
    served = await hooked(aiohttp_client, file, "", grace_s=1.0)
    await (await served.connect()).join("ann")
    await served.stop()
    save(file, "import time\n\ntime.sleep(1.1)\n")
    served = await serve(aiohttp_client, file.parent / "state", hooks=file, grace_s=1.0)
    assert served.records("peer.left") == []
