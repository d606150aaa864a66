"""Hooks that block, never end, or try to end the process only delay other hooks, for a limited time."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.server.user_hooks import checks
from tests.kit.hooks_file import hooked, save
from tests.kit.programs import until
from tests.kit.receiving import receive_json
from tests.kit.sidecar_command import SIDECAR, serving

BLOCKS = {
    "a sleep": "time.sleep(3)",
    "an endless loop": "while True: pass",
    "an endless chain": "return forever()",
}


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize("body", BLOCKS.values(), ids=BLOCKS)
async def test_a_blocking_hook_delays_other_hooks_only_until_its_timeout(
    aiohttp_client: AiohttpClient, file: Path, monkeypatch: pytest.MonkeyPatch, kind: str, body: str
) -> None:
    monkeypatch.setattr(checks, "HOOK_WITHIN_S", 0.3)
    forever = "class Forever:\n    def __await__(self):\n        while True:\n            pass\n        yield\n"
    code = (
        f"import time\n{forever}forever = Forever\n{kind} on_join(join):\n    if join.peer == 'bad':\n        {body}\n"
    )
    served = await hooked(aiohttp_client, file, code)
    ann, bad, next_ = [await served.connect() for _ in range(3)]
    await ann.join("ann", "another room")
    refused = asyncio.create_task(bad.join("bad"))
    await ann.hears_nothing()
    joined = asyncio.create_task(next_.join("next"))
    while not refused.done():
        assert await ann.ask({"type": "ping"}) == {"type": "pong"}
        await asyncio.sleep(0.01)
    assert (await refused)["code"] == "refused-by-hook"
    assert (await joined)["type"] == "peer_list"
    assert [record["data"]["error"] for record in served.records("hook.failed")] == ["TimeoutError"]


async def test_no_thread_remains_of_blocking_hooks_that_have_ended(
    aiohttp_client: AiohttpClient, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "HOOK_WITHIN_S", 0.1)
    before = set(threading.enumerate())
    code = "import time\ndef on_join(join):\n    if join.peer == 'bad':\n        time.sleep(0.5)\n"
    served = await hooked(aiohttp_client, file, code)
    for _ in range(3):
        assert (await (await served.connect()).join("bad"))["code"] == "refused-by-hook"
    assert (await (await served.connect()).join("good"))["type"] == "peer_list"
    await until(
        lambda: [each.name for each in set(threading.enumerate()) - before].count("hooks") == 1,
        "only the thread of the next hooks remains",
    )


async def test_hooks_run_in_order_and_one_at_a_time(aiohttp_client: AiohttpClient, file: Path) -> None:
    code = """
import threading, time
running, seen = 0, []
def on_relay(relay):
    global running
    running += 1
    assert running == 1
    time.sleep(0.001)
    running -= 1
    seen.append(threading.get_ident())
    assert len(set(seen)) == 1
"""
    served = await hooked(aiohttp_client, file, code)
    peers = [await served.connect() for _ in range(4)]
    for number, peer in enumerate(peers):
        await peer.join(f"peer-{number}", room=f"room-{number}")
    watchers = [await served.connect() for _ in peers]
    for number, (peer, watcher) in enumerate(zip(peers, watchers, strict=True)):
        await watcher.join("watcher", room=f"room-{number}")
        await peer.receive()
    for number in range(20):
        for peer in peers:
            await peer.send({"type": "broadcast", "n": number})
    for watcher in watchers:
        assert [(await watcher.receive())["n"] for _ in range(20)] == list(range(20))
    assert served.records("hook.failed") == []


async def test_a_late_hook_does_not_disturb_a_running_one(
    aiohttp_client: AiohttpClient, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = SimpleNamespace(late_begun=threading.Event(), running_begun=threading.Event(), released=threading.Event())
    monkeypatch.setitem(sys.modules, "events_of_the_test", events)
    code = """
import asyncio, events_of_the_test as events
async def on_join(join):
    if join.peer == 'late':
        events.late_begun.set()
        await asyncio.sleep(60)
    if join.peer == 'running':
        events.running_begun.set()
        events.released.wait(60)
"""
    served = await hooked(aiohttp_client, file, code)
    late, running, next_ = [await served.connect() for _ in range(3)]
    monkeypatch.setattr(checks, "HOOK_WITHIN_S", 0.6)
    refused = asyncio.create_task(late.join("late"))
    await asyncio.to_thread(events.late_begun.wait)
    monkeypatch.setattr(checks, "HOOK_WITHIN_S", 60)
    joined = asyncio.create_task(running.join("running"))
    await asyncio.to_thread(events.running_begun.wait)
    assert (await refused)["type"] == "error"
    events.released.set()
    assert [(await each)["type"] for each in (joined, next_.join("next"))] == ["peer_list"] * 2
    assert [record["data"]["error"] for record in served.records("hook.failed")] == ["TimeoutError"]


async def test_a_blocking_task_of_a_hook_delays_other_hooks_only_for_a_limited_time(
    aiohttp_client: AiohttpClient, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "HOOK_WITHIN_S", 0.3)
    code = """
import asyncio
async def on_join(join):
    if join.peer == 'bad':
        asyncio.get_running_loop().call_soon(exec, 'while True: pass')
"""
    served = await hooked(aiohttp_client, file, code)
    assert (await (await served.connect()).join("bad"))["type"] == "peer_list"
    assert (await (await served.connect()).join("next"))["type"] == "peer_list"


async def test_a_hooks_file_whose_import_never_ends_is_not_used(
    aiohttp_client: AiohttpClient, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "LOAD_WITHIN_S", 0.3)
    served = await hooked(aiohttp_client, file, "def on_join(join):\n    return join.peer != 'ben'\n")
    ann = await served.connect()
    await ann.join("ann")
    save(file, "while True:\n    pass\n")
    await until(lambda: served.records("hooks.kept"), "the old hooks were kept")
    assert await ann.ask({"type": "ping"}) == {"type": "pong"}
    assert (await (await served.connect()).join("ben"))["code"] == "refused-by-hook"
    assert (await (await served.connect()).join("cleo"))["type"] == "peer_list"


@pytest.mark.parametrize("reload", ["off", "on"])
def test_a_hooks_file_whose_import_never_ends_does_not_prevent_a_stop(tmp_path: Path, file: Path, reload: str) -> None:
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    save(file, f"import time\nopen({str(begun)!r}, 'w').close()\ntime.sleep(60)\n")
    command = [*SIDECAR, "serve", "--port", "0", "--hooks", str(file), "--state-dir", str(tmp_path / "state")]
    with subprocess.Popen([*command, "--reload", reload], stderr=subprocess.PIPE, text=True) as process:
        begun.read_text()  # returns when the import of the hooks has begun
        process.terminate()
        _, said = process.communicate()
    assert process.returncode == 0
    assert "cannot be used" not in said


ENDLESS = """
import asyncio, sys, threading, time

async def stubborn():
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass

async def on_join(join):
    if join.peer == 'stubborn':
        await stubborn()
    if join.peer == 'task':
        asyncio.create_task(stubborn())
    if join.peer == 'thread':
        threading.Thread(target=time.sleep, args=(60,)).start()
    if join.peer == 'executor':
        await asyncio.to_thread(time.sleep, 60)
    if join.peer == 'exit':
        sys.exit(3)
    if join.peer == 'interrupt':
        raise KeyboardInterrupt
    if join.peer == 'exit-later':
        asyncio.get_running_loop().call_soon(sys.exit, 3)
    if join.peer == 'sleep':
        time.sleep(60)
    if join.peer == 'loop':
        while True:
            try:
                while True:
                    pass
            except BaseException:
                pass
"""


def test_no_hook_can_prevent_or_cause_the_end_of_the_sidecar(file: Path) -> None:
    save(file, ENDLESS)

    async def join_all(url: str) -> list[str]:
        async def join(peer: str) -> str:
            async with session.ws_connect(f"{url}/ws/signaling") as socket:
                await socket.send_json({"type": "join", "roomId": "bar", "peerId": peer})
                answer = await receive_json(socket)
                return str(answer["type"])

        async with aiohttp.ClientSession() as session:
            one_by_one = [await join(peer) for peer in ("exit", "interrupt", "exit-later", "task", "thread")]
            return one_by_one + await asyncio.gather(*map(join, ("stubborn", "executor", "sleep", "loop", "ok")))

    with serving(file.parent / "state", "--hooks", str(file)) as sidecar:
        answers = asyncio.run(join_all(sidecar.ready["url"]))
        code, _ = sidecar.stop()
    assert answers == ["error"] * 2 + ["peer_list"] * 3 + ["error"] * 4 + ["peer_list"]
    assert code == 0
    (segment,) = (file.parent / "state").glob("events-*")
    assert json.loads(segment.read_text().splitlines()[-1])["type"] == "server.stopped"
