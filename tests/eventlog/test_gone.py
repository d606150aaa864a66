"""If the event log is deleted, replaced or cannot be written, the sidecar reports this, and continues."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.eventlog import state_dir
from signaling_sidecar.eventlog.state_dir import Runtime
from signaling_sidecar.server.admin.api import PREFIX
from tests.kit import sidecar_command
from tests.kit.full_disk import Disk
from tests.kit.programs import until
from tests.kit.serving import Peer, Served, serve

PAGE = {"instance": "page-1"}


@pytest.fixture
async def served(aiohttp_client: AiohttpClient, tmp_path: Path) -> Served:
    return await serve(aiohttp_client, tmp_path / "state")


async def resumable(served: Served, name: str = "ben") -> tuple[Peer, str]:
    peer = await served.connect()
    token: str = (await peer.join(name, resume=True, **PAGE))["resume"]["token"]
    return peer, token


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if "event log" in record.message]


def delete_the_segment(folder: Path) -> None:
    for path in folder.glob("events-*"):
        path.unlink()


def delete_the_folder(folder: Path) -> None:
    shutil.rmtree(folder)


def move_the_folder(folder: Path) -> None:
    folder.rename(folder.with_name("moved"))


def link_the_segment_to_another_file(folder: Path) -> None:
    somebody_elses = folder.with_name("somebody-elses")
    somebody_elses.write_text("not ours, and without a newline at its end")
    for path in folder.glob("events-*"):
        path.unlink()
        path.symlink_to(somebody_elses)


@pytest.mark.parametrize(
    "fault", [delete_the_segment, delete_the_folder, move_the_folder, link_the_segment_to_another_file]
)
async def test_a_deleted_log_is_begun_again_and_the_next_start_restores_from_it(
    aiohttp_client: AiohttpClient,
    served: Served,
    fault: Callable[[Path], None],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder, log = served.sidecar.state_dir, served.sidecar._admin._log
    runtime = Runtime("http://127.0.0.1:1", os.getpid(), served.sidecar.boot, "0", "/p", "token")
    served.sidecar.held_state_dir.write_runtime(runtime)
    key = state_dir.key(folder)
    ben, token = await resumable(served)
    first = log.path
    fault(folder)
    await until(lambda: log.path != first, "a new segment is begun, though nothing is written")
    await ben.send({"type": "broadcast", "c": 1})
    assert await ben.receive() == {"type": "ack", "ca": 1}
    assert [record["type"] for record in served.records()][:2] == ["log.header", "log.checkpoint"]
    assert len(said(caplog)) == 1
    assert str(log.path) in said(caplog)[0]
    assert state_dir.key(folder) == key
    left = Path(shutil.copytree(folder, tmp_path / "left", symlinks=True))  # as a kill would leave it now
    next_one = await serve(aiohttp_client, left)
    again = await next_one.connect()
    resume = {"token": token, "after": 0}
    resumed = await again.ask({"type": "join", "roomId": "bar", "peerId": "ben", "resume": resume, **PAGE})
    assert (resumed["type"], resumed["ca"]) == ("resumed", 1)
    somebody_elses = tmp_path / "somebody-elses"
    assert not somebody_elses.exists() or somebody_elses.read_text().endswith("at its end")


async def test_a_deleted_state_folder_is_created_and_locked_again(served: Served) -> None:
    sidecar = served.sidecar
    runtime = Runtime("http://127.0.0.1:1", os.getpid(), sidecar.boot, "0", "/p", "token")
    sidecar.held_state_dir.write_runtime(runtime)
    delete_the_folder(sidecar.state_dir)
    await until(lambda: state_dir.read_runtime(sidecar.state_dir) == runtime, "the folder says what runs")
    with pytest.raises(state_dir.StateDirTaken):
        state_dir.lock(sidecar.state_dir)


async def test_a_sidecar_that_stops_does_not_restore_its_runtime_file(served: Served) -> None:
    held = served.sidecar.held_state_dir
    held.write_runtime(Runtime("http://127.0.0.1:1", os.getpid(), served.sidecar.boot, "0", "/p", "token"))
    held.remove_runtime()
    held.look_after()
    assert state_dir.read_runtime(served.sidecar.state_dir) is None


@pytest.mark.parametrize("name", ["runtime.json", "lock", "key"])
async def test_a_deleted_file_of_the_state_folder_is_written_again(served: Served, name: str) -> None:
    sidecar = served.sidecar
    runtime = Runtime("http://127.0.0.1:1", os.getpid(), sidecar.boot, "0", "/p", "token")
    sidecar.held_state_dir.write_runtime(runtime)
    key = state_dir.key(sidecar.state_dir)
    (sidecar.state_dir / name).unlink()
    await until((sidecar.state_dir / name).exists, "the file is there again")
    assert (state_dir.read_runtime(sidecar.state_dir), state_dir.key(sidecar.state_dir)) == (runtime, key)
    with pytest.raises(state_dir.StateDirTaken):
        state_dir.lock(sidecar.state_dir)


NO_MATTER_WHOSE = "-dac_override,-dac_read_search"
"""The capabilities that let root open every file. Without these capabilities, the modes of files also apply to root."""
AS_ANYBODY = ["setpriv", "--bounding-set", NO_MATTER_WHOSE, "--inh-caps", NO_MATTER_WHOSE] if os.geteuid() == 0 else []


@pytest.mark.skipif(bool(AS_ANYBODY) and shutil.which("setpriv") is None, reason="root may open every file")
async def test_an_unreadable_state_folder_stays_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sidecar_command, "SIDECAR", [*AS_ANYBODY, *sidecar_command.SIDECAR])
    folder = tmp_path / "state"
    with sidecar_command.serving(folder) as sidecar:
        folder.chmod(0)
        await until(lambda: folder.stat().st_mode & 0o777 == 0o700, "the sidecar has opened its folder again")
        code, said = sidecar.stop()
    assert code == 0
    assert "another sidecar" not in said


@pytest.mark.skipif(bool(AS_ANYBODY) and shutil.which("setpriv") is None, reason="root may open every file")
def test_an_unreadable_home_folder_is_one_sentence_that_names_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sidecar_command, "SIDECAR", [*AS_ANYBODY, *sidecar_command.SIDECAR])
    home = tmp_path / "home"
    home.mkdir(mode=0)
    done = sidecar_command.run("serve", "--port", "0", cwd=tmp_path, HOME=str(home), XDG_STATE_HOME=str(home / "state"))
    home.chmod(0o700)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--state-dir" in done.stderr


@pytest.mark.skipif(bool(AS_ANYBODY) and shutil.which("setpriv") is None, reason="root may open every file")
@pytest.mark.parametrize(
    "command", ["rooms", "why", "tail", "doctor", "log", "log clear", "log export -", "why --log state"]
)
def test_an_unreadable_state_folder_is_not_treated_as_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(sidecar_command, "SIDECAR", [*AS_ANYBODY, *sidecar_command.SIDECAR])
    (tmp_path / "state").mkdir(mode=0)
    done = sidecar_command.run(*command.split(), cwd=tmp_path, SIDECAR_STATE_DIR="state")
    (tmp_path / "state").chmod(0o700)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "state' cannot be used" in done.stderr
    assert "Permission denied" in done.stderr


async def test_a_state_folder_that_another_sidecar_has_locked_is_not_used(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    ben, _ = await resumable(served)
    folder = served.sidecar.state_dir
    delete_the_folder(folder)
    state_dir.create(folder)
    others = state_dir.lock(folder)
    assert await ben.receive() == {"type": "durable", "durable": False}
    assert [path.name for path in folder.iterdir()] == ["lock"]
    assert "another sidecar" in said(caplog)[0]
    authorised = {"Authorization": f"Bearer {served.sidecar.admin_token}"}
    async with served.client.get(f"{PREFIX}/records", headers=authorised) as answer:
        assert (answer.status, await answer.text()) == (200, "")
    os.close(others)
    assert await ben.receive() == {"type": "durable", "durable": True}
    assert len(said(caplog)) == 2


async def test_resumable_clients_are_told_that_the_log_fails_before_a_frame_is_acknowledged(
    served: Served, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    ann = await served.connect()
    await ann.join("ann")
    ben, _ = await resumable(served)
    await ann.receive()
    disk.is_full = True
    await ben.send({"type": "broadcast", "n": 1, "c": 1})
    assert (await ann.receive())["n"] == 1
    await ann.send({"type": "signal", "to": "ben"})
    assert await ben.receive() == {"type": "durable", "durable": False}
    told = await ben.receive()
    assert (told["type"], told["ca"]) == ("signal", 1)
    cleo = await served.connect()
    assert (await cleo.join("cleo", resume=True))["resume"]["durable"] is False
    disk.is_full = False
    assert (await ben.receive())["type"] == "peer_joined"
    assert await ben.receive() == {"type": "durable", "durable": True}
    assert await cleo.receive() == {"type": "durable", "durable": True}
    await ann.receive()
    await ann.hears_nothing()
    assert ["cannot be written" in said(caplog)[0], "written again" in said(caplog)[1]] == [True, True]
    assert len(said(caplog)) == 2


async def test_without_durable_sessions_clients_are_not_told_about_the_log(
    aiohttp_client: AiohttpClient, tmp_path: Path, disk: Disk
) -> None:
    served = await serve(aiohttp_client, tmp_path, payloads="none")
    ben, _ = await resumable(served)
    disk.is_full = True
    await ben.send({"type": "broadcast", "c": 1})
    assert await ben.receive() == {"type": "ack", "ca": 1}
    disk.is_full = False


async def killed(aiohttp_client: AiohttpClient, served: Served, tmp_path: Path, disk: Disk) -> Served:
    """Simulate that the sidecar is killed while its disk is full. Start the next one when the disk has space again."""
    left = Path(shutil.copytree(served.sidecar.state_dir, tmp_path / "left"))
    disk.is_full = False
    return await serve(aiohttp_client, left)


@pytest.mark.parametrize("resumes_meanwhile", [False, True])
async def test_a_session_that_was_not_recorded_continues_with_a_new_list(
    aiohttp_client: AiohttpClient, served: Served, tmp_path: Path, disk: Disk, resumes_meanwhile: bool
) -> None:
    ann = await served.connect()
    await ann.join("ann")
    ben, token = await resumable(served)
    await ann.receive()
    await ann.send({"type": "signal", "to": "ben"})
    await ben.receive()
    await ben.send({"type": "broadcast", "c": 1, "a": 1})
    await ann.receive()
    disk.is_full = True
    for number in (2, 3):
        await ann.send({"type": "signal", "to": "ben", "n": number})
        await ben.send({"type": "broadcast", "c": number})
    await served.settled()
    if resumes_meanwhile:
        ben = await served.connect()
        resume = {"token": token, "after": 1}
        resumed = await ben.ask({"type": "join", "roomId": "bar", "peerId": "ben", "resume": resume, **PAGE})
        token = resumed["resume"]["token"]
    next_one = await killed(aiohttp_client, served, tmp_path, disk)
    ann = await next_one.connect()
    await ann.join("ann")
    for number in (1, 2, 3):  # more frames for Ben than the killed sidecar had numbered
        await ann.send({"type": "signal", "to": "ben", "new": number})
    await next_one.settled()
    ben = await next_one.connect()
    await ben.send({"type": "join", "roomId": "bar", "peerId": "ben", "resume": {"token": token, "after": 3}, **PAGE})
    assert await ben.receive() == {"type": "not_resumed", "why": "gap"}
    listed = await ben.receive()
    assert (listed["peerId"], listed["ca"], listed["s"]) == ("ben", 1, 4)
    await ben.send({"type": "broadcast", "n": 4, "c": 2})
    await ann.send({"type": "signal", "to": "ben"})
    assert (await ben.receive())["s"] == 5
