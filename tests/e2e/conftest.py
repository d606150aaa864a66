"""Fixtures for end-to-end tests: a function to start programs, a browser, and the demo app."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Playwright, async_playwright, expect

from tests.e2e.reported_verdicts import Tally
from tests.kit.browsers import CAMERA_FLAGS, SharedBrowsers, launched, launched_firefox
from tests.kit.lan import Lan, new_lan
from tests.kit.programs import Program, Start, is_running, start_program
from tests.kit.provision_browser import find_chromium, find_firefox, find_headless_shell
from tests.kit.sites import PLUGIN, Site, close_all_rooms, start_demo

PAGE_WITHIN_MS = 30_000  # ms that a page may take to show something, with pages of several tests on two slow cores


def pytest_configure(config: pytest.Config) -> None:
    expect.set_options(timeout=PAGE_WITHIN_MS)


@pytest.fixture(scope="session")
def full_browser_path() -> Path:
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium or Chrome here: `make test` looks for one to install")
    return path


@pytest.fixture(scope="session")
def browser_path(request: pytest.FixtureRequest) -> Path:
    """Chromium's headless shell, whose pages take less CPU time, or else the full browser."""
    shell = find_headless_shell()
    if shell is not None:
        return shell
    full: Path = request.getfixturevalue("full_browser_path")
    return full


@pytest.fixture(scope="session")
def firefox_path() -> Path:
    path = find_firefox()
    if path is None:
        pytest.skip("no Firefox here: `make test` looks for one to install")
    return path


@pytest.fixture(scope="session")
def npm_package() -> Path:
    """Build the npm package, and return the path of its plugin."""
    if not PLUGIN.exists():
        pytest.skip("the npm package is not built: `make test` builds it")
    return PLUGIN


@contextmanager
def _state_home(path: Path) -> Iterator[Path]:
    """The folder with the state folders of a test's sidecars. A sidecar that is still running at the end is killed."""
    yield path
    for runtime in path.glob("signaling-sidecar/*/runtime.json"):
        pid = json.loads(runtime.read_text())["pid"]
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)


def _environment(state_home: Path) -> dict[str, str]:
    """The environment of a developer who uses the sidecar of this Python interpreter. The variable CI is removed
    because the plugin starts no sidecar in CI, and the variables of make are removed too."""
    kept = {key: value for key, value in os.environ.items() if key not in ("CI", "VITEST", "MAKEFLAGS", "MAKELEVEL")}
    bin_folder = Path(sys.executable).parent
    return kept | {
        "NO_COLOR": "1",
        "PATH": f"{bin_folder}{os.pathsep}{kept['PATH']}",
        "PYTHONUNBUFFERED": "1",
        # As for users, who have no checkout. Otherwise each sidecar would be three processes, and saving a file of its
        # code during a test would close all connections.
        "SIDECAR_RELOAD": "off",
        "VIRTUAL_ENV": sys.prefix,
        "XDG_STATE_HOME": str(state_home),
    }


@asynccontextmanager
async def _starting(folder: Path) -> AsyncIterator[Start]:
    with _state_home(folder / "state-home") as state_home:
        environment = _environment(state_home)
        programs: list[Program] = []

        async def start(words: Sequence[str | Path], cwd: Path, env: Mapping[str, str | None] | None = None) -> Program:
            changed = {**environment, **(env or {})}
            kept = {key: value for key, value in changed.items() if value is not None}
            programs.append(await start_program(words, cwd, kept))
            return programs[-1]

        yield start
        for program in reversed(programs):
            await program.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """A function that starts programs. `env` changes the environment, where None removes a variable."""
    async with _starting(tmp_path) as start:
        yield start


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def start_once(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Start]:
    """A function that starts programs for all tests of a file. These tests run in the event loop of the module."""
    async with _starting(tmp_path_factory.mktemp("shared")) as start:
        yield start


@pytest.fixture(scope="module")
def lan() -> Iterator[Lan]:
    with new_lan() as lan:
        yield lan


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    """Starts and controls all browsers of this run. It is a process, so it is started once."""
    async with async_playwright() as playwright:
        yield playwright


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browsers() -> AsyncIterator[SharedBrowsers]:
    async with SharedBrowsers() as browsers:
        yield browsers


@pytest_asyncio.fixture(loop_scope="session")
async def browser(browsers: SharedBrowsers, playwright: Playwright, browser_path: Path) -> AsyncIterator[Browser]:
    """A browser without a camera and a microphone."""
    async with browsers.lent("Chromium", partial(launched, playwright, browser_path)) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def full_browser(playwright: Playwright, full_browser_path: Path) -> AsyncIterator[Browser]:
    """One that no other test has had, and that has the pages of `chrome://`, which a headless shell lacks."""
    async with launched(playwright, full_browser_path) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def browser_with_camera(
    browsers: SharedBrowsers, playwright: Playwright, full_browser_path: Path
) -> AsyncIterator[Browser]:
    """Camera and microphone are there, and every page may have them.

    To such a page, Chromium also gives the IP addresses of this machine. A headless shell gives it mDNS names instead.
    """
    launch = partial(launched, playwright, full_browser_path, CAMERA_FLAGS)
    async with browsers.lent("Chromium with a camera", launch) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def firefox(browsers: SharedBrowsers, playwright: Playwright, firefox_path: Path) -> AsyncIterator[Browser]:
    """Camera and microphone are there, and every page may have them."""
    async with browsers.lent("Firefox", partial(launched_firefox, playwright, firefox_path)) as browser:
        yield browser


@pytest.fixture
def tally(measured: list[str]) -> Iterator[Tally]:
    """Counts how often each fault was caused, and what was diagnosed. The counts are printed at the end of the run."""
    tally = Tally()
    yield tally
    measured += tally.table()


@pytest_asyncio.fixture(loop_scope="session")
async def demo(start: Start, npm_package: Path) -> Site:
    return await start_demo(start)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running_demo(start_once: Start, npm_package: Path) -> Site:
    return await start_demo(start_once)


@pytest_asyncio.fixture(loop_scope="session")
async def shared_demo(running_demo: Site) -> Site:
    """The demo that the tests of a file share. Nobody is in its rooms when a test begins."""
    close_all_rooms(running_demo.sidecar)
    return running_demo
