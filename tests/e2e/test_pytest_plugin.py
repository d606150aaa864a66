"""The pytest plugin of the wheel, in a project that is not part of this repository."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import psutil
import pytest

from signaling_sidecar.testing import SidecarEnded, SidecarRefused, started_sidecar
from tests.kit import readme
from tests.kit.packages import new_environment

RUNS_WITHIN_S = 240  # seconds; browsers of other tests may keep two cores busy
BROKEN = """
import asyncio
import contextlib

import aiohttp
import pytest

from signaling_sidecar.testing import NotConnected, SidecarRefused


@contextlib.asynccontextmanager
async def meeting(url, room, *frames):
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as ann, session.ws_connect(url) as ben:
        for peer, page in (("ann", ann), ("ben", ben)):
            await page.send_json({"type": "join", "roomId": room, "peerId": peer, "name": peer.title()})
            await page.receive_json()
        for frame in frames:
            await ann.send_json(frame)
        yield


OFFER = {"type": "offer", "to": "ben", "sdp": "v=0"}


async def test_a_broken_app(sidecar):
    async with meeting(sidecar.url, "bar", OFFER):
        await asyncio.to_thread(sidecar.room("bar").until_connected, peers=2, within_s=0.2)


def test_a_broken_app_without_asyncio(sidecar):
    sidecar.room("a\x1b[31mb").until_connected(peers=3, within_s=0)


async def test_the_other_members(sidecar):
    assert sidecar.log.read_text().startswith("{")
    async with meeting(sidecar.url, "club", OFFER):
        [verdict] = (await asyncio.to_thread(sidecar.why, "club")).verdicts
        assert (verdict.labels, verdict.state) == (("Ann", "Ben"), "trying")
        await asyncio.to_thread(sidecar.room("club").kick, "ben")
        [verdict] = (await asyncio.to_thread(sidecar.room("club").why)).verdicts
        assert verdict.together is False
        with pytest.raises(SidecarRefused, match="^no other peer 'ben' in this room$"):
            await asyncio.to_thread(sidecar.room("club").kick, "ben")
    assert sidecar.http_url.startswith("http://127.0.0.1:")
"""
CHEAP = """
import sys

def test_nothing_is_imported_for_a_project_that_does_not_use_it():
    assert "signaling_sidecar.pytest_plugin" in sys.modules
    loaded = {name for name in sys.modules if name.startswith(("signaling_sidecar", "aiohttp", "msgspec"))}
    assert loaded == {"signaling_sidecar", "signaling_sidecar.pytest_plugin"}
"""
UNUSUAL = """
import pytest

@pytest.fixture(scope="session")
def sidecar_options():
    return ["--capacity", "many"]

def test_it(sidecar):
    pass
"""
OWN = """
import pytest

@pytest.fixture
def sidecar():
    return "my own"

def test_it(sidecar):
    assert sidecar == "my own"
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """The Python of an environment with the wheel, pytest and other plugins."""
    with_others = (f"{wheel}[testing]", "pytest-asyncio", "pytest-aiohttp", "pytest-xdist")
    return new_environment(tmp_path_factory.mktemp("environment"), *with_others)


def pytest_in(folder: Path, python: Path, *options: str, code: int = 0, **files: str) -> str:
    for name, text in files.items():
        (folder / f"test_{name}.py").write_text(text)
    asyncio_options = ("-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function")
    words = (python, "-m", "pytest", "-W", "error", *asyncio_options, *options)
    state = folder / "state-home"
    environment = os.environ | {"XDG_STATE_HOME": str(state)}
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=RUNS_WITHIN_S
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert not state.exists(), "the user's own state is left alone"
    return done.stdout


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "with xdist"])
def test_the_example_of_the_readme_works(tmp_path: Path, python: Path, workers: tuple[str, ...]) -> None:
    meeting = readme.code("test_meeting.py")
    elsewhere = meeting.replace('"bar"', '"club"')  # both tests use one sidecar
    output = pytest_in(tmp_path, python, *workers, meeting=meeting, elsewhere=elsewhere)
    assert "2 passed" in output


def test_a_broken_app_fails_with_the_verdicts(tmp_path: Path, python: Path) -> None:
    output = pytest_in(tmp_path, python, code=1, broken=BROKEN)
    assert "2 failed, 1 passed" in output
    shown = [line.removeprefix("E").strip() for line in output.splitlines() if line.startswith("E  ")]
    first = "signaling_sidecar.testing.errors.NotConnected: 2 peers were expected in the room 'bar', and 2 are there, "
    assert shown[:3] == [
        f"{first}but not all are connected after 0.2 s:",
        "Ann and Ben: Ben has not answered the offer of Ann",
        "→ look at the console of the page that should answer: it must handle the `offer` and send an answer",
    ]
    assert shown[3].startswith("Event log: ")
    assert Path(shown[3].removeprefix("Event log: ")).exists()
    assert shown[4].endswith(r"3 peers were expected in the room 'a\x1b[31mb', but nobody is there after 0 s")
    assert "in until_connected" not in output  # the traceback ends in the test


def test_no_sidecar_remains_after_the_tests(tmp_path: Path, python: Path) -> None:
    pytest_in(tmp_path, python, meeting=readme.code("test_meeting.py"))
    commands = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert not [command for command in commands if str(python) in command and "serve" in command]


def test_it_costs_nothing_for_a_project_that_does_not_use_it(tmp_path: Path, python: Path) -> None:
    assert "1 passed" in pytest_in(tmp_path, python, "-p", "no:aiohttp", cheap=CHEAP)


def test_a_fixture_of_the_project_with_the_same_name_wins(tmp_path: Path, python: Path) -> None:
    assert "1 passed" in pytest_in(tmp_path, python, own=OWN)


def test_a_sidecar_that_does_not_start_says_why(tmp_path: Path, python: Path) -> None:
    output = pytest_in(tmp_path, python, code=1, unusual=UNUSUAL)
    assert "SidecarEnded: the sidecar has not started: " in output
    assert "capacity" in output


def test_relative_paths_in_the_options_begin_at_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hooks.py").write_text("")
    (tmp_path / "state").mkdir()
    with started_sidecar(tmp_path / "state", ["--hooks", "hooks.py"]) as sidecar:
        assert sidecar.url.startswith("ws://127.0.0.1:")


def test_a_file_of_the_project_may_have_the_name_of_a_module_of_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secrets.py").write_text("raise RuntimeError\n")
    with started_sidecar(tmp_path / "state") as sidecar:
        assert sidecar.url.startswith("ws://127.0.0.1:")


def test_another_state_folder_among_the_options_is_refused_at_once(tmp_path: Path) -> None:
    options = ["--state-dir", str(tmp_path / "other")]
    sentence = f"the options name another state folder (--state-dir), but it must be {tmp_path}"
    with pytest.raises(SidecarEnded) as refused, started_sidecar(tmp_path, options):
        pass
    assert str(refused.value) == sentence


def test_the_state_folder_need_not_exist_but_must_not_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SidecarEnded, match=r"cannot store its state in .*/file: "), started_sidecar(tmp_path / "file"):
        pass
    with started_sidecar(tmp_path / "new" / "folder") as sidecar:
        with pytest.raises(SidecarRefused, match=r"^no other peer 'ann' in this room$") as refused:
            sidecar.room("bar").kick("ann")
        assert refused.value.code == "no-such-peer"
