"""Hooks with errors that could affect other requests, too. Other clients must notice nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.server.sockets import connection
from signaling_sidecar.server.user_hooks import checks
from tests.kit.hooks_file import hooked, save
from tests.kit.hosted_client import connected, guest, host
from tests.kit.programs import until
from tests.kit.sidecar_command import run_here, serving

TRUNCATED_S = 0.09  # seconds; three times the debounce, as if a slow disk emptied a file long before writing it


ENDS = {
    "exit": "import sys\ndef on_join(join):\n    sys.exit(3)\n",
    "async exit": "import sys\nasync def on_join(join):\n    sys.exit(3)\n",
    "cancelled": "import asyncio\nasync def on_join(join):\n    raise asyncio.CancelledError\n",
    "surrogate": "def on_join(join):\n    return '\\ud800'\n",
}


@pytest.mark.parametrize("code", ENDS.values(), ids=ENDS)
async def test_a_hook_can_only_end_its_own_request(aiohttp_client: AiohttpClient, file: Path, code: str) -> None:
    served = await hooked(aiohttp_client, file, code)
    peer = await served.connect()
    for _ in range(2):
        assert (await peer.join("ann"))["code"] == "refused-by-hook"


CONSEQUENCES = {
    "on_join": "the request is refused",
    "room_rules": "the request is refused",
    "on_leave": "the peer has left all the same",
}


@pytest.mark.parametrize("hook", CONSEQUENCES)
async def test_the_operator_is_told_what_follows_from_the_failure_of_a_hook(
    aiohttp_client: AiohttpClient, file: Path, caplog: pytest.LogCaptureFixture, hook: str
) -> None:
    served = await hooked(aiohttp_client, file, f"def {hook}(asked):\n    raise ValueError\n")
    peer = await served.connect()
    await peer.join("ann")
    await peer.send({"type": "leave"})
    await until(lambda: "the hook" in caplog.text, "the failure is reported")
    assert f"the hook {hook} failed, and {CONSEQUENCES[hook]}:" in caplog.text


async def test_the_operator_is_told_that_a_room_keeps_its_rules_if_the_saved_hook_fails(
    aiohttp_client: AiohttpClient, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served = await hooked(aiohttp_client, file, "")
    await (await served.connect()).join("ann")
    save(file, "def room_rules(room):\n    raise ValueError\n")
    await until(lambda: "the hook room_rules" in caplog.text, "the failure is reported")
    assert "the hook room_rules failed, and the room keeps its rules:" in caplog.text


def test_an_exception_that_cannot_be_printed_is_reported_in_one_sentence(file: Path, tmp_path: Path) -> None:
    save(file, "class Wrong(BaseException):\n    def __str__(self):\n        raise self\nraise Wrong\n")
    done = run_here("serve", "--port", "0", "--hooks", str(file), "--state-dir", str(tmp_path / "state"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "cannot be used (Wrong: it has no readable message)" in done.stderr


NO_HOOKS = ["on_join = 5", "admit = None", "def on_relay(): ...", "async def on_leave(leave, room): ..."]


@pytest.mark.parametrize("code", NO_HOOKS)
def test_a_hook_that_cannot_be_called_with_one_argument_is_refused_in_one_sentence(
    file: Path, tmp_path: Path, code: str
) -> None:
    save(file, f"{code}\n")
    done = run_here("serve", "--port", "0", "--hooks", str(file), "--state-dir", str(tmp_path / "state"))
    (hook,) = (name for name in ("on_join", "admit", "on_relay", "on_leave") if name in code)
    sentence = f"sidecar: the hooks file '{file}' cannot be used ({hook} must be a function with one parameter)\n"
    assert (done.returncode, done.stderr) == (2, sentence)


async def test_saved_hooks_that_cannot_be_called_are_not_used(
    aiohttp_client: AiohttpClient, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served = await hooked(aiohttp_client, file, "def on_join(join):\n    return False\n")
    save(file, "def on_join():\n    return True\n")
    await until(lambda: served.records("hooks.kept"), "the old hooks were kept")
    assert "(on_join must be a function with one parameter); the previous hooks stay in use" in caplog.text
    assert "Traceback" not in caplog.text
    assert (await (await served.connect()).join("ann"))["code"] == "refused-by-hook"


async def test_a_hook_may_be_anything_that_can_be_called_with_one_argument(
    aiohttp_client: AiohttpClient, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code = """
from functools import partial, wraps
class Allow:
    def __call__(self, asked, more=None): ...
def with_database(hook):
    return wraps(hook)(lambda asked: hook(asked, {}))
@with_database
def on_join(join, database): ...
admit, on_leave, room_rules = Allow(), {}.get, lambda *_: None
on_relay = partial(lambda answer, relay: answer, True)
"""
    served = await hooked(aiohttp_client, file, code)
    assert (await (await served.connect()).join("ann"))["type"] == "peer_list"
    assert caplog.messages == []


@pytest.mark.parametrize("name", ["on_jion", "admitt", "roomRules", "onRelay"])
async def test_a_function_whose_name_is_almost_that_of_a_hook_is_reported(
    aiohttp_client: AiohttpClient, file: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    code = f"def {name}(asked):\n    return False\ndef admin(name): ...\nfrom asyncio import run as on_run\n"
    served = await hooked(aiohttp_client, file, f"{code}def _admit(connection): ...\n")
    assert caplog.messages == [
        f"the sidecar never calls the function {name} of {file}, because no hook has this name; the hooks are admit, "
        "room_rules, on_join, on_relay, on_leave"
    ]
    assert (await (await served.connect()).join("ann"))["type"] == "peer_list"


async def test_the_sidecar_does_not_wait_for_a_hook_that_ignores_its_cancellation(
    aiohttp_client: AiohttpClient, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "HOOK_WITHIN_S", 0.1)
    code = """
import asyncio
async def on_join(join):
    for _ in range(30):
        try:
            await asyncio.sleep(0.1)
        except asyncio.CancelledError:
            pass
"""
    served = await hooked(aiohttp_client, file, code)
    async with asyncio.timeout(1):
        assert (await (await served.connect()).join("ann"))["code"] == "refused-by-hook"


async def test_a_blocking_async_hook_is_reported_too(
    aiohttp_client: AiohttpClient, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code = "import time\nasync def on_join(join):\n    time.sleep(0.6)  # as if it asked a database\n"
    served = await hooked(aiohttp_client, file, code)
    await (await served.connect()).join("ann")
    assert caplog.text.count("a hook blocks all other hooks") == 1
    assert "as if it asked a database" in caplog.text


async def test_slow_hooks_do_not_make_a_connection_look_dead(
    aiohttp_client: AiohttpClient, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PING_EVERY_S", 0.1)
    monkeypatch.setattr(connection, "PONG_WITHIN_S", 0.3)
    code = "import asyncio\nasync def on_relay(relay):\n    await asyncio.sleep(0.1)\n"
    served = await hooked(aiohttp_client, file, code)
    ann, ben = await served.connect(), await served.connect()
    await ann.join("ann")
    await ben.join("ben")
    await ann.receive()
    answering = asyncio.create_task(ben.receives_the_end())
    for number in range(15):
        await ben.send({"type": "offer", "to": "ann", "n": number})
    assert [(await ann.receive())["n"] for _ in range(15)] == list(range(15))
    await ben.socket.close()
    await answering


async def test_frames_of_a_waiting_newcomer_are_passed_to_the_hook_too(
    aiohttp_client: AiohttpClient, file: Path
) -> None:
    served = await hooked(aiohttp_client, file, "def on_relay(relay):\n    return relay.sender != 'gina'\n")
    hugo = await host(served)
    await guest(served, "gina", hugo, autoping=False)  # answers no pings, like a lost device
    newcomer = await connected(served, "gina")
    await newcomer.send("JOIN_ROOM", userName="Gina")
    await newcomer.send("WEBRTC_OFFER", targetUserId="hugo", offer={})
    await newcomer.hears("ROOM_JOINED")
    await served.settled()
    assert served.refusals() == ["refused-by-hook"]
    assert served.records("signal.relayed") == []


COUNTING = "calls = 0\ndef on_relay(relay):\n    global calls\n    calls += 1\n    return f'call {calls}'\n"


async def test_a_repeated_frame_is_passed_to_the_hook_once(aiohttp_client: AiohttpClient, file: Path) -> None:
    served = await hooked(aiohttp_client, file, COUNTING)
    await (await served.connect()).join("ann")
    ben = await served.connect()
    await ben.join("ben", resume=True)
    for c in (1, 1, 2):
        await ben.send({"type": "offer", "to": "ann", "c": c})
    assert [(await ben.receive())["message"] for _ in range(2)] == ["call 1", "call 2"]


async def test_a_frame_with_invalid_numbers_is_not_passed_to_the_hook(
    aiohttp_client: AiohttpClient, file: Path
) -> None:
    served = await hooked(aiohttp_client, file, COUNTING)
    await (await served.connect()).join("ann")
    ben = await served.connect()
    await ben.join("ben", resume=True)
    for numbers in ({"c": 1, "a": "x"}, {"c": "x"}, {"c": 2}):
        await ben.send({"type": "offer", "to": "ann", **numbers})
    assert [(await ben.receive())["code"] for _ in range(2)] == ["bad-field", "bad-field"]
    assert (await ben.receive())["message"] == "call 1"


async def test_a_partly_written_hooks_file_admits_nobody(aiohttp_client: AiohttpClient, file: Path) -> None:
    closed = "def admit(connection):\n    return False\n"
    served = await hooked(aiohttp_client, file, closed)
    save(file, "")
    await asyncio.sleep(TRUNCATED_S)
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await served.connect()
    save(file, closed)
    await until(lambda: served.records("hooks.swapped"), "the file is whole")


async def test_a_file_that_exits_when_it_is_imported_is_not_used(aiohttp_client: AiohttpClient, file: Path) -> None:
    served = await hooked(aiohttp_client, file, "")
    save(file, "raise SystemExit\n")
    await until(lambda: served.records("hooks.kept"), "the old hooks were kept")


async def test_a_hooks_file_may_define_dataclasses(aiohttp_client: AiohttpClient, file: Path) -> None:
    code = "from dataclasses import dataclass\n@dataclass\nclass Seat:\n    row: 'int | None' = None\n"
    served = await hooked(aiohttp_client, file, f"from __future__ import annotations\n{code}")
    assert (await (await served.connect()).join("ann"))["type"] == "peer_list"


async def test_a_client_that_is_not_admitted_cannot_list_the_rooms(aiohttp_client: AiohttpClient, file: Path) -> None:
    served = await hooked(aiohttp_client, file, "def admit(connection):\n    return connection.token == 'x'\n")
    for path, headers in (("/ws/signaling/rooms", {}), ("/ws/signaling", {"Accept": "text/html"})):
        async with served.client.get(path, headers=headers) as answer:
            assert answer.status == 403
        async with served.client.get(path, headers=headers | {"Authorization": "Bearer x"}) as answer:
            assert answer.status == 200


@pytest.mark.parametrize("flags", [[], ["--reload"]], ids=["plain", "--reload"])
def test_output_of_hooks_is_printed_on_stderr(file: Path, flags: list[str]) -> None:
    save(file, "import os\nprint('hello from the hooks')\nos.system('echo and from a program of theirs')\n")
    with serving(file.parent / "state", *flags, "--hooks", str(file)) as sidecar:
        assert sidecar.ready["name"] == "signaling-sidecar"
        code, said = sidecar.stop()
    assert code == 0
    assert said.index("hello from the hooks") < said.index("and from a program of theirs") < said.index(" on http://")
    assert said.count("hello from the hooks") == 1
