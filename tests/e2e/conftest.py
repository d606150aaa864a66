"""Fixtures for end-to-end tests: functions that start programs, browsers, and the demo app."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Playwright, async_playwright, expect

from tests.e2e.plain_peers import Join, joining
from tests.e2e.reported_verdicts import Tally
from tests.kit.browsers import CAMERA_FLAGS, SharedBrowsers, launched, launched_firefox
from tests.kit.cluster_processes import ClusterProcesses, cluster_processes
from tests.kit.lan import Lan, new_lan
from tests.kit.once import once
from tests.kit.packages import build_wheel, pack_npm_package
from tests.kit.programs import Start
from tests.kit.provision import find_chromium, find_firefox, find_headless_shell
from tests.kit.redis_server import running_redis
from tests.kit.sites import PLUGIN, Site, close_all_rooms, start_demo
from tests.kit.starting import starting

PAGE_WITHIN_MS = 30_000  # ms that a page may take to show something: two slow cores may run the pages of several tests


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
    """Chromium's headless shell, which needs less CPU time. If the shell is not installed, this is the full browser."""
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


@pytest.fixture(scope="session")
def npm_tarball(tmp_path_factory: pytest.TempPathFactory, npm_package: Path) -> Path:
    """The tarball of the npm package, as it would be published."""
    [tarball] = once(tmp_path_factory, "npm-tarball", pack_npm_package).glob("*.tgz")
    return tarball


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    [wheel] = once(tmp_path_factory, "wheel", build_wheel).glob("*.whl")
    return wheel


@pytest_asyncio.fixture(loop_scope="session")
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """A function that starts programs. Its argument `env` changes their environment: None removes a variable."""
    async with starting(tmp_path) as start:
        yield start


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def start_once(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Start]:
    """A function that starts programs that all tests of a file share."""
    async with starting(tmp_path_factory.mktemp("shared")) as start:
        yield start


@pytest.fixture(scope="module")
def lan() -> Iterator[Lan]:
    with new_lan() as lan:
        yield lan


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    """Playwright, which starts and controls all browsers. It is a separate process, so it is started once per run."""
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
    """A new process of the full browser. It has the pages of `chrome://`, which a headless shell lacks."""
    async with launched(playwright, full_browser_path) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def browser_with_camera(
    browsers: SharedBrowsers, playwright: Playwright, full_browser_path: Path
) -> AsyncIterator[Browser]:
    """A Chromium with a simulated camera and microphone, which every page may use.

    To such a page, Chromium also reveals the IP addresses of this machine. A headless shell would use mDNS names.
    """
    launch = partial(launched, playwright, full_browser_path, CAMERA_FLAGS)
    async with browsers.lent("Chromium with a camera", launch) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def firefox(browsers: SharedBrowsers, playwright: Playwright, firefox_path: Path) -> AsyncIterator[Browser]:
    """A Firefox with a simulated camera and microphone, which every page may use."""
    async with browsers.lent("Firefox", partial(launched_firefox, playwright, firefox_path)) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def join() -> AsyncIterator[Join]:
    """A function that lets a peer join a room, in which it stays until it leaves or the test ends."""
    async with joining() as join:
        yield join


@pytest.fixture
def tally(measured: list[str]) -> Iterator[Tally]:
    """Counts how often each fault was caused, and how often its diagnosis was right.

    The counts are printed at the end of the run.
    """
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
    """The demo app that the tests of a file share. Its rooms are empty when a test begins."""
    close_all_rooms(running_demo.sidecar)
    return running_demo


@pytest_asyncio.fixture(loop_scope="session")
async def cluster(tmp_path: Path) -> AsyncIterator[ClusterProcesses]:
    """A cluster of two sidecars. Pages of every local Vite server may connect to it."""
    (tmp_path / "redis").mkdir()
    with running_redis(tmp_path / "redis") as redis:
        async with cluster_processes(tmp_path, redis, "--allow-origin", "http://localhost:*", count=2) as cluster:
            yield cluster
