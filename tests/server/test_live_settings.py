"""A saved settings file is in use at once, for settings that can change while the sidecar runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from tests.kit.hosted_client import error_of, host
from tests.kit.pairing_client import device
from tests.kit.programs import until
from tests.kit.settings_file import following, mount, save, write


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sidecar.toml"


async def test_a_changed_limit_applies_at_once_and_nobody_is_removed(aiohttp_client: AiohttpClient, file: Path) -> None:
    served = await following(aiohttp_client, file)
    peers = [await served.connect() for _ in range(3)]
    for number, peer in enumerate(peers):
        await peer.join(f"peer{number}")
    await save(served, file, "max_peers_per_room = 2\n")
    newcomer = await served.connect()
    assert (await newcomer.join("late"))["code"] == "room-full"
    assert (await peers[2].ask({"type": "ping"})) == {"type": "pong"}
    (changed,) = served.records("settings.changed")
    assert changed["data"] == {"max_peers_per_room": 2}
    await save(served, file, "max_peers_per_room = 9\n")
    assert (await newcomer.join("late"))["type"] == "peer_list"


async def test_a_file_that_is_a_link_is_in_use_when_the_link_leads_elsewhere(
    aiohttp_client: AiohttpClient, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mount(file, "1", "max_peers_per_room = 7\n")
    served = await following(aiohttp_client, file)
    mount(file, "2", "max_peers_per_room = 1\n")
    await until(lambda: served.records("settings.changed"), "the new settings are in use")
    assert "cannot be found" not in caplog.text
    await (await served.connect()).join("ann")
    assert (await (await served.connect()).join("ben"))["code"] == "room-full"


async def test_a_file_that_is_saved_while_the_sidecar_starts_is_in_use(
    aiohttp_client: AiohttpClient, file: Path
) -> None:
    hooks = file.with_name("signaling_hooks.py")
    hooks.write_text(f"from pathlib import Path\nPath({str(file)!r}).write_text('max_peers_per_room = 1')")
    served = await following(aiohttp_client, file, hooks=str(hooks))
    await until(lambda: served.records("settings.changed"), "the new settings are in use")
    await (await served.connect()).join("ann")
    assert (await (await served.connect()).join("ben"))["code"] == "room-full"


async def test_a_connection_keeps_its_rate_and_is_told_this_one(aiohttp_client: AiohttpClient, file: Path) -> None:
    write(file, "max_frames_per_s = 1\nmax_frames_burst = 2\n")
    served = await following(aiohttp_client, file)
    peer = await served.connect()
    await peer.join("ann")
    await save(served, file, "max_frames_per_s = 70\nmax_frames_burst = 2\n")
    answers = [await peer.ask({"type": "ping"}) for _ in range(2)]
    assert [answer["type"] for answer in answers] == ["pong", "error"]
    assert "limit is 1 frames/s" in answers[1]["message"]


async def test_the_grace_the_origins_and_the_payload_setting_change_too(
    aiohttp_client: AiohttpClient, file: Path
) -> None:
    served = await following(aiohttp_client, file)
    text = "max_rooms = 1\ngrace_s = 0\npayloads = 'none'\nallow_origin = ['http://a.example']\n"
    await save(served, file, text)
    ann = await served.connect(headers={"Origin": "http://a.example"})
    await ann.join("ann")
    assert (await (await served.connect()).join("ben", room="club"))["code"] == "too-many-rooms"
    cleo = await served.connect()
    await cleo.join("cleo")
    await cleo.send({"type": "offer", "to": "ann", "sdp": "v=0"})
    await cleo.socket.close(code=4999)
    assert [(await ann.receive())["type"] for _ in range(3)] == ["peer_joined", "offer", "peer_left"]
    assert "data" not in served.records("signal.relayed")[0]


async def test_a_client_that_can_resume_is_told_that_its_frames_no_longer_survive_a_restart(
    aiohttp_client: AiohttpClient, file: Path
) -> None:
    served = await following(aiohttp_client, file)
    ann, plain = await served.connect(), await served.connect()
    assert (await ann.join("ann", resume=True))["resume"]["durable"] is True
    await plain.join("plain", room="club")
    for payloads, durable in (("none", False), ("summary", None), ("full", True)):
        await save(served, file, f"payloads = '{payloads}'\n")
        if durable is not None:
            assert await ann.receive() == {"type": "durable", "durable": durable}
    await ann.hears_nothing()
    await plain.hears_nothing()


async def test_changed_hosts_and_origins_apply_and_a_wildcard_is_reported(
    aiohttp_client: AiohttpClient, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served = await following(aiohttp_client, file)

    async def status(**headers: str) -> int:
        return (await served.client.get("/health", headers=headers)).status

    assert [await status(Host="a.example.com"), await status(Origin="vscode-webview://1")] == [403, 403]
    await save(served, file, "allow_host = '.example.com'\nallow_origin = ['vscode-webview://*']\n")
    assert [await status(Host="a.example.com"), await status(Origin="vscode-webview://1")] == [200, 200]
    await save(served, file, "allow_host = '*'\n")
    assert [await status(Host="evil.example"), await status(Origin="vscode-webview://1")] == [200, 403]
    assert caplog.text.count("DNS rebinding") == 1


async def test_a_changed_rule_of_a_dialect_applies_to_existing_rooms(aiohttp_client: AiohttpClient, file: Path) -> None:
    served = await following(aiohttp_client, file)
    caller, _ = await device(served, "AAA111"), await device(served, "BBB222")
    offer = {"type": "offer", "target": "BBB222", "payload": {}}
    await caller.send(offer)
    await served.settled()
    assert served.refusals() == ["no-such-room"]
    await save(served, file, "pairing.cross_code = true\n")
    await caller.send(offer)
    await served.settled()
    assert len(served.records("signal.relayed")) == 1


async def test_a_changed_idle_limit_applies_to_existing_rooms(aiohttp_client: AiohttpClient, file: Path) -> None:
    served = await following(aiohttp_client, file)
    hugo = await host(served)
    await save(served, file, "hosted_idle_s = 0.2\n")
    assert error_of(await hugo.receive()) == "Room not found"


async def test_a_setting_that_needs_a_restart_is_reported_in_one_sentence(
    aiohttp_client: AiohttpClient, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served = await following(aiohttp_client, file)
    await save(served, file, "port = 4711\ndialects = ['rooms']\nmax_rooms = 5\n")
    assert "port, dialects: restart the sidecar to use the new value" in caplog.text
    assert served.sidecar.settings.port == 8765
    await served.connect("/ws/signaling/mesh")


async def test_a_flag_still_takes_precedence(aiohttp_client: AiohttpClient, file: Path) -> None:
    served = await following(aiohttp_client, file, max_rooms="3")
    await save(served, file, "max_rooms = 5\ngrace_s = 1\n")
    assert served.sidecar.settings.max_rooms == 3


@pytest.mark.parametrize("text", ["max_rooms = 0", "no_such = 1", "max_rooms ="], ids=lambda text: text)
async def test_an_invalid_settings_file_changes_nothing_and_is_reported(
    aiohttp_client: AiohttpClient, file: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    served = await following(aiohttp_client, file)
    write(file, f"grace_s = 1\n{text}\n")
    await until(lambda: "the previous settings stay in use" in caplog.text, "the terminal says that they stay")
    assert served.sidecar.settings.grace_s == 30
    assert served.records("settings.changed") == []


async def test_the_terminal_says_once_that_the_settings_stay_when_their_file_is_deleted_or_moved(
    aiohttp_client: AiohttpClient, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(file, "max_rooms = 3\n")
    served = await following(aiohttp_client, file)
    gone = f"{file} cannot be found any more; what was read from it stays in use"
    for times, remove in enumerate((Path.unlink, lambda path: path.rename(path.with_name("moved.toml"))), 1):
        remove(file)
        await until(lambda times=times: caplog.messages.count(gone) == times, "the terminal says that the file is gone")
        assert served.sidecar.settings.max_rooms == 3
        write(file.with_name("another.toml"), "")  # another file in the folder changes
        await save(served, file, f"max_rooms = 3\ngrace_s = {times}\n")  # the file is read again
        assert caplog.messages.count(gone) == times
