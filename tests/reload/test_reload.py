"""With `--reload`, the sidecar replaces its code while it runs. No client is refused, and no peer leaves."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from statistics import median
from urllib.request import ProxyHandler, build_opener

import aiohttp
import pytest

from signaling_sidecar.cli.serve import Takeover
from signaling_sidecar.inspection import open_log
from signaling_sidecar.reload import supervisor
from signaling_sidecar.reload.supervisor import Supervisor, Worker
from tests.kit.copied_code import Copied, copy_package, served_from
from tests.kit.programs import is_running, until
from tests.kit.receiving import receive, receive_json

SAVES = 5
PAUSE_S = 0.01  # seconds between two requests, which leave CPU time for the start of workers
VERSION = "VERSION_IN_HEALTH"


@pytest.fixture(scope="module")
def copied_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_package(tmp_path_factory.mktemp("source"))


@pytest.fixture
async def copied(copied_package: Path, tmp_path: Path) -> AsyncIterator[Copied]:
    async with served_from(copied_package, tmp_path) as copied:
        yield copied


async def test_saved_code_is_in_use_and_nobody_has_left(copied: Copied, tmp_path: Path) -> None:
    url = f"{copied.url}/ws/signaling"
    async with aiohttp.ClientSession() as session:
        ann = await session.ws_connect(url)
        await ann.send_json({"type": "join", "roomId": "bar", "peerId": "ann", "resume": True})
        token = (await ann.receive_json())["resume"]["token"]
        copied.save("\nHOME_TEXT = 'new code\\n'\n")
        assert (await receive(ann)).data == 1012
        ann = await session.ws_connect(url)
        await ann.send_json({"type": "join", "roomId": "bar", "peerId": "ann", "resume": {"token": token, "after": 0}})
        assert (await receive_json(ann))["type"] == "resumed"
        assert await copied.home(session) == "new code\n"
    types = [record.type for record in open_log(tmp_path / "state").events.itertuples()]
    assert types.count("server.reloaded") == types.count("server.restored") == 1


@pytest.mark.parametrize(
    ("is_checkout", "env", "reloads"),
    [(True, {}, True), (True, {"SIDECAR_RELOAD": "off"}, False), (False, {}, False)],
    ids=["checkout", "forbidden", "installed"],
)
async def test_auto_reloads_only_in_a_checkout_whose_environment_does_not_forbid_it(
    copied_package: Path, tmp_path: Path, is_checkout: bool, env: Mapping[str, str], reloads: bool
) -> None:
    if is_checkout:
        (tmp_path / "pyproject.toml").touch()
    folder = tmp_path / "sidecar" / copied_package.name
    folder.parent.mkdir()
    folder.symlink_to(copied_package)
    async with served_from(folder, tmp_path, "--reload=auto", env) as copied:
        workers = [pid for pid in copied.pids if pid != copied.program.process.pid]
        assert len(workers) == reloads


@pytest.fixture
def without_watches() -> list[str]:
    """A command line that runs a program in a user namespace, in which it may watch no files.

    On usual machines, this happens if editors and other programs of the user have reached the limit.
    """
    in_a_namespace = ["unshare", "--user", "--map-root-user", "sh", "-c"]
    runner = [*in_a_namespace, 'echo 0 >/proc/sys/user/max_inotify_instances && exec "$0" "$@"']
    try:
        subprocess.run([*runner, "true"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no namespaces of users can be made here: {error}")
    return runner


async def test_saves_are_noticed_where_no_more_files_can_be_watched(
    copied_package: Path, tmp_path: Path, without_watches: list[str]
) -> None:
    async with served_from(copied_package, tmp_path, runner=without_watches) as copied:
        (tmp_path / "sidecar.toml").write_text("max_rooms = 5\n")
        await copied.program.line("now in use from .*: max_rooms")
        copied.save("\nHOME_TEXT = 'new code\\n'\n")
        await copied.program.line("new code is serving")
        async with aiohttp.ClientSession() as session:
            assert await copied.home(session) == "new code\n"


async def test_code_that_cannot_be_imported_is_reported_and_the_old_code_keeps_serving(copied: Copied) -> None:
    async with aiohttp.ClientSession() as session:
        before = await copied.home(session)
        copied.save("\nraise RuntimeError('half written')\n")
        await copied.program.line("RuntimeError: half written")
        await copied.program.line("the old code keeps serving")
        assert await copied.home(session) == before
        copied.save("\nHOME_TEXT = 'mended\\n'\n")
        await copied.program.line("new code is serving")
        assert await copied.home(session) == "mended\n"


async def test_settings_that_are_invalid_at_a_reload_are_reported_in_one_sentence(
    copied: Copied, tmp_path: Path
) -> None:
    async with aiohttp.ClientSession() as session:
        before = await copied.home(session)
        (tmp_path / "sidecar.toml").write_text("max_rooms = 'many'\n")
        copied.save("\nHOME_TEXT = 'new code\\n'\n")
        await copied.program.line("^sidecar: max_rooms must be")
        await copied.program.line("the old code keeps serving")
        assert await copied.home(session) == before
    assert not copied.program.count("Traceback")


@pytest.mark.parametrize(
    ("env", "file"), [({"SIDECAR_LOG_FORMAT": "json"}, ""), ({}, "log_format = 'json'\n")], ids=["variable", "file"]
)
async def test_with_json_logging_all_that_a_reload_reports_is_a_line_of_json(
    copied_package: Path, tmp_path: Path, env: Mapping[str, str], file: str
) -> None:
    settings = tmp_path / "sidecar.toml"
    settings.write_text(file)
    async with served_from(copied_package, tmp_path, env=env) as copied:
        settings.write_text(f"{file}max_rooms = = 1\n")
        copied.save("\nHOME_TEXT = 'new code\\n'\n")
        await copied.program.line("\"settings must be a readable TOML file .*the project's folder.*settings-error")
        await copied.program.line("the old code keeps serving")
        settings.write_text(file)
        copied.save("\nraise RuntimeError('half written')\n")
        await copied.program.line("RuntimeError: half written")
        await copied.program.line("the old code keeps serving", 2)
        copied.save("\nHOME_TEXT = 'mended\\n'\n")
        await copied.program.line("new code is serving")
    for line in copied.program.lines:
        assert isinstance(json.loads(line), dict)


@pytest.fixture
def worker() -> Iterator[Worker]:
    with socket.socket() as listening:
        worker = Worker(listening, "signaling_sidecar.cli.serve:Takeover", '{"flags": {}, "settings_file": ""}')
        yield worker
        worker.stop()


def test_a_worker_that_has_ended_neither_loads_nor_serves(worker: Worker) -> None:
    worker.process.kill()
    worker.process.wait()
    assert not worker.loads(threading.Event())
    assert not worker.serves(threading.Event())


def test_a_worker_that_does_not_load_in_time_is_given_up(worker: Worker) -> None:
    assert not worker.loads(threading.Event(), within_s=0.0)


def test_the_first_worker_may_need_long_to_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LOADS_WITHIN_S", 0.0)
    flags = {"state_dir": str(tmp_path), "dialects": ["rooms"]}
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        supervised = Supervisor(listening, Takeover(flags, ""))
        running = threading.Thread(target=supervised.run, daemon=True)
        running.start()
        directly = build_opener(ProxyHandler({}))  # not through the proxy that the variable HTTP_PROXY names
        with directly.open(f"http://127.0.0.1:{listening.getsockname()[1]}/health", timeout=20) as answer:
            assert answer.status == 200
        supervised.stop()
        running.join()


async def test_no_connection_is_refused_during_many_saves(copied: Copied, measured: list[str]) -> None:
    waits_ms, answers = [], 0
    async with aiohttp.ClientSession() as session:

        async def connect_all_the_time() -> None:
            nonlocal answers
            while True:
                await copied.home(session)  # raises an exception if the connection is refused or reset
                answers += 1
                await asyncio.sleep(PAUSE_S)

        connecting = asyncio.create_task(connect_all_the_time())
        for number in range(SAVES):
            began_s = time.perf_counter()
            copied.save(f"\nHOME_TEXT = '{number}\\n'\n")
            async with asyncio.timeout(20):
                while await copied.home(session) != f"{number}\n":  # noqa: ASYNC110 - no event to wait for
                    await asyncio.sleep(PAUSE_S)
            waits_ms.append(1000 * (time.perf_counter() - began_s))
            await copied.program.line("new code is serving", number + 1)
            await until(lambda: len(_children(copied.program.process.pid)) == 2, "the next worker waits")
        assert not connecting.done(), connecting.exception()
        connecting.cancel()
    assert answers > SAVES
    said = f"{min(waits_ms):.0f} ms at least, {median(waits_ms):.0f} ms median, {max(waits_ms):.0f} ms at most"
    measured.append(f"from saving the sidecar's code to its serving, {SAVES} saves: {said}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
async def test_no_process_remains_after_any_ending(copied: Copied, number: int) -> None:
    supervisor = copied.program.process.pid
    await until(lambda: len(_children(supervisor)) == 2, "one worker serves, another waits")
    children = [int(pid) for pid in _children(supervisor)]
    copied.program.process.send_signal(number)
    await copied.program.ended()
    for pid in (*copied.pids, *children):
        await until(lambda pid=pid: not is_running(pid), f"process {pid} is gone")


async def test_it_can_be_stopped_while_new_code_is_imported_that_never_ends(copied: Copied) -> None:
    copied.save("\nimport sys, time\nprint('imported', file=sys.stderr, flush=True)\nwhile True: time.sleep(1)\n")
    await copied.program.line("^imported$")
    children = [int(pid) for pid in _children(copied.program.process.pid)]
    copied.program.process.send_signal(signal.SIGINT)
    assert await copied.program.ended() == 0
    assert not any(is_running(pid) for pid in children)


async def test_the_sidecar_ends_if_its_worker_dies(copied: Copied) -> None:
    os.kill(copied.pids[1], signal.SIGKILL)
    assert await copied.program.ended() == -signal.SIGKILL


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
