"""What an end-to-end test is given: a way to start programs, a browser, and the demo app."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright, expect

from tests.e2e.programs import Program, Start, is_running, start_program
from tests.e2e.sites import PLUGIN, Site, start_demo
from tests.provision_browser import find_browser

FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",  # a container's /dev/shm is too small
    "--disable-gpu",
    "--disable-quic",
]
CAMERA_FLAGS = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
PAGE_WITHIN_MS = 15_000  # ms that a page may take to show what it should; two slow cores, several pages

MEASURED = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[MEASURED] = []
    expect.set_options(timeout=PAGE_WITHIN_MS)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.stash[MEASURED]:
        terminalreporter.section("measured")
        for line in config.stash[MEASURED]:
            terminalreporter.line(line)


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> list[str]:
    """Sentences that are printed at the end of the run."""
    return request.config.stash[MEASURED]


@pytest.fixture(scope="session")
def browser_path() -> Path:
    path = find_browser()
    if path is None:
        pytest.skip("no Chromium or Chrome here: `make test` looks for one to install")
    return path


@pytest.fixture(scope="session")
def npm_package() -> Path:
    """The built npm package: where its plugin is."""
    if not PLUGIN.exists():
        pytest.skip("the npm package is not built: `make test` builds it")
    return PLUGIN


@pytest.fixture
def state_home(tmp_path: Path) -> Iterator[Path]:
    """Where the state folders of this test's sidecars are. A sidecar that outlives its test is ended here."""
    home = tmp_path / "state-home"
    yield home
    for runtime in home.glob("signaling-sidecar/*/runtime.json"):
        pid = json.loads(runtime.read_text())["pid"]
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def environment(state_home: Path) -> dict[str, str]:
    """A developer's, with the sidecar of this very Python. In CI's the plugin starts nothing; make tells its own."""
    kept = {key: value for key, value in os.environ.items() if key not in ("CI", "VITEST", "MAKEFLAGS", "MAKELEVEL")}
    bin_folder = Path(sys.executable).parent
    return kept | {
        "NO_COLOR": "1",
        "PATH": f"{bin_folder}{os.pathsep}{kept['PATH']}",
        "PYTHONUNBUFFERED": "1",
        "VIRTUAL_ENV": sys.prefix,
        "XDG_STATE_HOME": str(state_home),
    }


@pytest.fixture
async def start(environment: dict[str, str]) -> AsyncIterator[Start]:
    """Starts programs; `env` changes the environment, None takes a variable out of it."""
    programs: list[Program] = []

    async def start(words: Sequence[str | Path], cwd: Path, env: Mapping[str, str | None] | None = None) -> Program:
        changed = {**environment, **(env or {})}
        program = await start_program(words, cwd, {key: value for key, value in changed.items() if value is not None})
        programs.append(program)
        return program

    yield start
    for program in reversed(programs):
        await program.stop()


@pytest.fixture
async def browser(browser_path: Path) -> AsyncIterator[Browser]:
    """On a machine without camera and microphone."""
    async with _launched(browser_path, FLAGS) as browser:
        yield browser


@pytest.fixture
async def browser_with_camera(browser_path: Path) -> AsyncIterator[Browser]:
    """Camera and microphone are there, and every page may have them."""
    async with _launched(browser_path, FLAGS + CAMERA_FLAGS) as browser:
        yield browser


@asynccontextmanager
async def _launched(path: Path, flags: Sequence[str]) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        await browser.close()


@pytest.fixture
async def demo(start: Start, npm_package: Path) -> Site:
    return await start_demo(start)
