"""Hooks decide about connections, joins and relays. A saved hooks file is in use at once, and no client is cut off."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from statistics import median

import aiohttp
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.cli import main
from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.eventlog import state_dir
from signaling_sidecar.reload import reload_extra
from signaling_sidecar.server.user_hooks import checks
from tests.dialects.manners import MANNERS
from tests.dialects.manners.meeting import enter
from tests.kit import readme
from tests.kit.club import CLUB
from tests.kit.hooks_file import hooked, remove, save
from tests.kit.programs import until
from tests.kit.serving import Served
from tests.kit.sidecar_command import run_here, serving

SAVES = 20


async def refused_joins(served: Served, name: str) -> str | None:
    """The code with which the join of a new client is refused, or None if it is accepted."""
    peer = await served.connect()
    answer = await peer.join(name)
    await peer.socket.close()
    return answer.get("code")


async def test_admit_decides_by_the_token_before_the_upgrade(aiohttp_client: AiohttpClient, file: Path) -> None:
    served = await hooked(aiohttp_client, file, "def admit(connection):\n    return connection.token == 'letmein'\n")
    for headers in ({}, {"Authorization": "Bearer guess"}, {"Authorization": "Basic letmein"}):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            await served.connect(headers=headers)
        assert refusal.value.status == 403
    peer = await served.connect(headers={"Authorization": "Bearer letmein"})
    assert (await peer.join("ann"))["type"] == "peer_list"
    assert "letmein" not in str(served.records())


async def test_admit_receives_the_request(aiohttp_client: AiohttpClient, file: Path) -> None:
    code = """
async def admit(connection):
    return connection.dialect == 'match' and connection.query['userId'] == 'u1' and 'Host' in connection.headers
"""
    served = await hooked(aiohttp_client, file, code)
    await served.connect("/ws/signaling/match?userId=u1")
    for path in ("/ws/signaling/match?userId=u2", "/ws/signaling", "/ws"):
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await served.connect(path)


async def test_on_join_may_refuse_with_a_sentence(aiohttp_client: AiohttpClient, file: Path) -> None:
    code = "def on_join(join):\n    return 'the bar closes at two' if len(join.present) == 2 else None\n"
    served = await hooked(aiohttp_client, file, code)
    for name in ("ann", "ben"):
        await (await served.connect()).join(name)
    answer = await (await served.connect()).join("cleo", id="ref")
    assert (answer["code"], answer["message"], answer["ref"]) == ("refused-by-hook", "the bar closes at two", "ref")
    assert served.refusals() == ["refused-by-hook"]


@pytest.mark.parametrize("dialect", MANNERS)
async def test_on_join_is_called_in_every_dialect(aiohttp_client: AiohttpClient, file: Path, dialect: str) -> None:
    served = await hooked(aiohttp_client, file, f"def on_join(join):\n    return join.dialect != {dialect!r}\n")
    manners = MANNERS[dialect]
    await enter(served, manners, "first-room", "a")
    await until(lambda: served.refusals() == ["refused-by-hook"], "the join is refused")
    assert served.records("peer.joined") == []


async def test_on_join_receives_the_token_of_the_page(aiohttp_client: AiohttpClient, file: Path) -> None:
    served = await hooked(aiohttp_client, file, "def on_join(join):\n    return join.token == 'letmein'\n")
    peer = await served.connect()
    assert (await peer.join("ann"))["code"] == "refused-by-hook"
    assert (await peer.join("ann", token="letmein"))["type"] == "peer_list"
    assert "letmein" not in str(served.records())


async def test_on_relay_receives_the_frame_and_may_refuse_it(aiohttp_client: AiohttpClient, file: Path) -> None:
    code = """
def on_relay(relay):
    assert (relay.room, relay.sender, relay.to) == ('bar', 'ben', 'ann')
    return relay.kind != 'offer' or 'v=0' in relay.frame['sdp']
"""
    served = await hooked(aiohttp_client, file, code)
    ann, ben = await served.connect(), await served.connect()
    await ann.join("ann")
    await ben.join("ben", resume=True)
    await ann.receive()
    for number, sdp in enumerate(("v=0", "nonsense", "v=0"), 1):
        await ben.send({"type": "offer", "to": "ann", "sdp": sdp, "c": number})
    assert [(await ann.receive())["sdp"] for _ in range(2)] == ["v=0", "v=0"]
    refused = await ben.receive()
    assert (refused["code"], refused["c"]) == ("refused-by-hook", 2)


async def test_a_frame_that_cannot_be_passed_to_the_hook_is_refused(aiohttp_client: AiohttpClient, file: Path) -> None:
    served = await hooked(aiohttp_client, file, "def on_relay(relay):\n    return True\n")
    peer = await served.connect("/ws/signaling/mesh")
    await peer.ask({"type": "join", "peerId": "a"})
    await peer.send('{"type":"x","to":"a","n":1e999}')
    assert await peer.ask({"type": "x", "to": "a"}) == {"type": "x", "to": "a"}
    assert served.refusals() == ["bad-json"]


async def test_on_leave_is_called_and_cannot_prevent_a_leave(aiohttp_client: AiohttpClient, file: Path) -> None:
    told = file.with_name("told.txt")
    code = f"""
from pathlib import Path
async def on_leave(leave):
    Path({str(told)!r}).write_text(f"{{leave.peer}} {{leave.reason}}")
    return False
"""
    served = await hooked(aiohttp_client, file, code)
    ann = await served.connect()
    await ann.join("ann")
    await ann.send({"type": "leave"})
    await until(lambda: told.exists() and told.read_text() == "ann left", "the hook was told")
    assert len(served.records("peer.left")) == 1


@pytest.mark.parametrize(
    "body",
    ["raise KeyError('secret')", "await asyncio.sleep(60)", "return undefined"],
    ids=["raises", "slow", "broken"],
)
async def test_a_failing_hook_refuses_only_its_own_request(
    aiohttp_client: AiohttpClient,
    file: Path,
    body: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(checks, "HOOK_WITHIN_S", 0.1)
    code = f"import asyncio\nasync def on_join(join):\n    if join.peer == 'bad':\n        {body}\n"
    served = await hooked(aiohttp_client, file, code)
    ann = await served.connect()
    await ann.join("ann")
    bad = asyncio.create_task((await served.connect()).join("bad"))
    await ann.hears_nothing()
    assert (await ann.ask({"type": "ping"})) == {"type": "pong"}
    answer = await bad
    assert answer["code"] == "refused-by-hook"
    assert "secret" not in answer["message"]
    (record,) = served.records("hook.failed")
    assert record["data"]["hook"] == "on_join"
    assert caplog.text.count("the hook on_join failed") == 1


async def test_a_blocking_hook_is_reported_with_its_stack(
    aiohttp_client: AiohttpClient, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code = "import time\ndef on_join(join):\n    time.sleep(0.6)  # as if it asked a database\n"
    served = await hooked(aiohttp_client, file, code)
    assert (await (await served.connect()).join("ann"))["type"] == "peer_list"
    assert caplog.text.count("a hook blocks all other hooks") == 1
    assert "as if it asked a database" in caplog.text


async def test_a_failing_hook_prints_one_traceback_per_second(
    aiohttp_client: AiohttpClient, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served = await hooked(aiohttp_client, file, "def on_relay(relay):\n    raise ValueError\n")
    ann = await served.connect()
    await ann.join("ann")
    for _ in range(50):
        assert (await ann.ask({"type": "broadcast"}))["code"] == "refused-by-hook"
    assert len(served.records("hook.failed")) == 50
    assert caplog.text.count("the hook on_relay failed") <= 2


async def test_failures_of_other_hooks_and_of_other_kinds_are_printed_too(
    aiohttp_client: AiohttpClient, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code = """
def on_join(join):
    raise {"ann": KeyError, "ben": ValueError}.get(join.peer, TypeError)(join.peer)
def room_rules(room):
    return {"capacty": 2}
"""
    served = await hooked(aiohttp_client, file, code)
    for peer in ("ann", "ben", "ann"):
        assert (await (await served.connect()).join(peer))["code"] == "refused-by-hook"
    for error in ("KeyError: 'ann'", "ValueError: ben"):
        assert error in caplog.text


def test_an_unusable_hooks_file_prevents_the_start(file: Path) -> None:
    file.write_text("undefined")
    done = run_here("serve", "--port", "0", "--state-dir", str(file.parent / "state"), "--hooks", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].endswith("cannot be used (NameError: name 'undefined' is not defined)")


def test_runtime_json_contains_the_whole_path_of_the_hooks_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("")
    monkeypatch.chdir(file.parent)
    with serving(file.parent / "state", "--hooks", file.name):
        runtime = state_dir.read_runtime(file.parent / "state")
    assert runtime is not None
    assert runtime.hooks == str(file)


@pytest.mark.parametrize("flags", [["--hooks", "signaling_hooks.py"], ["--reload"]], ids=str)
def test_without_the_extra_it_names_the_package_to_install(
    file: Path, flags: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text("")
    monkeypatch.chdir(file.parent)
    monkeypatch.setattr(reload_extra, "find_spec", lambda name: None)
    assert main(["serve", "--port", "0", "--state-dir", str(file.parent / "state"), *flags]) == 2
    assert capsys.readouterr().err == (
        f"sidecar: {flags[0]} needs packages that are not installed: pip install 'signaling-sidecar[reload]'\n"
    )


@pytest.mark.one_sidecar("each sidecar of a cluster loads the file itself, see tests/cluster/test_hooks.py")
async def test_a_saved_hooks_file_is_in_use_and_clients_notice_nothing(
    aiohttp_client: AiohttpClient, file: Path
) -> None:
    served = await hooked(aiohttp_client, file, "def on_join(join):\n    return True\n")
    ann = await served.connect()
    await ann.join("ann")
    save(file, "def on_join(join):\n    return False\n")
    await until(lambda: served.records("hooks.swapped"), "the new hooks are in use")
    assert await refused_joins(served, "ben") == "refused-by-hook"
    await ann.hears_nothing()
    assert not ann.socket.closed
    save(file, "def on_join(join:\n")
    await until(lambda: served.records("hooks.kept"), "the old hooks were kept")
    assert await refused_joins(served, "ben") == "refused-by-hook"
    replacement = file.with_name("new")
    save(replacement, "")  # some editors write a new file, and rename it
    replacement.replace(file)
    await until(lambda: len(served.records("hooks.swapped")) == 2, "the hooks are gone")
    assert await refused_joins(served, "ben") is None


@pytest.mark.one_sidecar("each sidecar of a cluster loads the file itself, see tests/cluster/test_hooks.py")
async def test_a_hooks_file_that_is_saved_while_it_is_imported_for_the_first_time_is_in_use(
    aiohttp_client: AiohttpClient, file: Path
) -> None:
    saved = "def on_join(join):\n    return False\n"
    served = await hooked(aiohttp_client, file, f"from pathlib import Path\nPath(__file__).write_text({saved!r})\n")
    await until(lambda: served.records("hooks.swapped"), "the saved hooks are in use")
    assert await refused_joins(served, "ann") == "refused-by-hook"


async def test_a_hooks_file_that_cannot_be_loaded_is_reported_with_a_traceback(
    aiohttp_client: AiohttpClient, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served = await hooked(aiohttp_client, file, "")
    save(file, "def on_join(join):\n    pass\n\nraise RuntimeError('in line 4')\n")
    await until(lambda: served.records("hooks.kept"), "the old hooks were kept")
    assert "line 4" in caplog.text
    assert "the previous hooks stay in use" in caplog.text


async def test_hooks_stay_in_use_when_their_file_is_deleted_and_the_terminal_says_so(
    aiohttp_client: AiohttpClient, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served = await hooked(aiohttp_client, file, "def on_join(join):\n    return False\n")
    remove(file)
    gone = f"{file} cannot be found any more; what was read from it stays in use"
    await until(lambda: gone in caplog.messages, "the terminal says that the file is gone")
    assert await refused_joins(served, "ann") == "refused-by-hook"


async def test_the_time_until_a_saved_hooks_file_is_in_use_is_printed(
    aiohttp_client: AiohttpClient, file: Path, measured: list[str]
) -> None:
    served = await hooked(aiohttp_client, file, "")
    waits_ms = []
    for number in range(1, SAVES + 1):
        began_s = time.perf_counter()
        save(file, f"NUMBER = {number}\n")
        async with asyncio.timeout(10):
            while len(served.records("hooks.swapped")) < number:  # noqa: ASYNC110 - no event to wait for
                await asyncio.sleep(0.002)
        waits_ms.append(1000 * (time.perf_counter() - began_s))
    said = f"{min(waits_ms):.0f} ms at least, {median(waits_ms):.0f} ms median, {max(waits_ms):.0f} ms at most"
    measured.append(f"from saving the hooks to their use, {SAVES} saves: {said}")


async def test_the_example_of_the_readme_works(aiohttp_client: AiohttpClient, file: Path) -> None:
    served = await hooked(aiohttp_client, file, readme.code("signaling_hooks.py"))
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await served.connect(headers={"User-Agent": "curl/8"})
    ann, ben = await served.connect(), await served.connect()
    await ann.join("ann", room="staff-only", name="Ann")
    assert (await ben.join("ben", room="staff-only"))["message"] == "say your name first"
    for peer in (ann, ben):
        assert (await peer.join("me", room=f"private-{id(peer)}"))["type"] == "peer_list"
    assert [record["data"]["listed"] for record in served.records("room.created")] == [True, False, False]


async def test_on_relay_is_called_for_a_frame_that_also_joins(
    aiohttp_client: AiohttpClient, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DIALECTS, CLUB.name, CLUB)
    code = """
def on_join(join):
    return join.room != 'cellar'

def on_relay(relay):
    return f'{relay.sender} says nothing in the {relay.room}' if relay.room == 'den' else None
"""
    served = await hooked(aiohttp_client, file, code)
    ann, ben = [await served.connect(f"/ws/signaling/club?name={name}&enter=den") for name in ("ann", "ben")]
    for peer in (ann, ben):
        assert [(await peer.receive())["event"], (await peer.receive())["result"]["room"]] == ["hello", "den"]
    assert (await ann.receive())["event"] == "entered"
    await ben.send({"id": 1, "do": "barge", "rooms": ["cellar", "bar"], "text": "hi"})
    told = [await ben.receive(), await ben.receive()]
    assert told[0]["error"] == "refused-by-hook"
    assert told[1]["result"]["room"] == "bar"
    (record,) = served.records("signal.refused")
    assert record["room"] == "cellar"
    await ben.send({"id": 2, "do": "barge", "rooms": ["den"], "text": "hi"})
    await ben.receive()
    assert await ben.receive() == {"id": 2, "error": "refused-by-hook", "room": "den"}
    refused = served.records("signal.refused")[-1]
    assert (refused["room"], refused["peer"]) == ("den", "ben")
    assert refused["data"]["message"] == "ben says nothing in the den"
    await ann.hears_nothing()


async def test_on_relay_is_called_for_a_frame_that_waits_for_a_challenge(
    aiohttp_client: AiohttpClient, file: Path
) -> None:
    served = await hooked(aiohttp_client, file, "def on_relay(relay):\n    return relay.sender is not None\n")
    first = [await served.connect("/ws/signaling/pairing") for _ in range(2)]
    for each in first:
        await each.send({"type": "register", "pairingCode": "ABC234"})
    assert [(await each.receive())["type"] for each in (*first, first[0])][-1] == "peer_joined"
    answering = [asyncio.create_task(each.socket.receive()) for each in first]  # they answer pings only while they read
    third = await served.connect("/ws/signaling/pairing")
    await third.send({"type": "register", "pairingCode": "ABC234"})
    await third.send({"type": "offer", "payload": 1})  # waits for a challenge, so has no id yet
    assert "maximum peers" in (await third.receive())["message"]
    await third.receive()
    refused = [record["data"]["code"] for record in served.records("signal.refused")]
    assert refused == ["room-full", "refused-by-hook"]
    for task in answering:
        task.cancel()
