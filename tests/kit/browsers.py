"""Real browsers, each a process of its own."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, async_playwright

FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",  # a container's /dev/shm is too small
    "--disable-gpu",
    "--disable-quic",
]
CAMERA_FLAGS = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
FIREFOX_GATE = Path(__file__).with_name("firefox_gate.py")
# Playwright's own settings keep it from updates and telemetry.
FIREFOX_SETTINGS: dict[str, str | float | bool] = {
    "media.gmp-manager.url": "",  # else it downloads a codec from the network
    "media.navigator.permission.disabled": True,  # every page may have the camera, and
    "media.navigator.streams.fake": True,  # it is a made-up one
    # Else addresses are names of multicast DNS, which Firefox and Chromium of one machine do not always find in time
    # when no program that answers such questions runs there.
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "network.captive-portal-service.enabled": False,
}


@asynccontextmanager
async def launched(path: Path, flags: Sequence[str] = (), without: Sequence[str] = ()) -> AsyncIterator[Browser]:
    """`without`: flags that playwright gives it otherwise."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path, args=[*FLAGS, *flags], ignore_default_args=list(without)
        )
        yield browser
        await browser.close()


@asynccontextmanager
async def launched_firefox(path: Path) -> AsyncIterator[Browser]:
    """An unchanged Firefox, with camera and microphone. It cannot be asked for another colour scheme."""
    environment: dict[str, str | float | bool] = {
        **os.environ,
        "FIREFOX": str(path),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),  # the gate runs in this Python
    }
    async with async_playwright() as playwright:
        browser = await playwright.firefox.launch(
            channel="moz-firefox",  # driven over WebDriver BiDi; without, Playwright drives only a changed Firefox
            executable_path=FIREFOX_GATE,
            env=environment,
            firefox_user_prefs=FIREFOX_SETTINGS,
        )
        yield browser
        await browser.close()


class SharedBrowsers(AsyncExitStack):
    """Browsers that tests share, because a start takes longer than most tests: one of each kind."""

    def __init__(self) -> None:
        super().__init__()
        self._running: dict[str, Browser] = {}

    @asynccontextmanager
    async def lent(
        self, kind: str, launch: Callable[[], AbstractAsyncContextManager[Browser]]
    ) -> AsyncIterator[Browser]:
        """The browser of this kind. The windows that are opened in it are closed afterwards."""
        browser = self._running.get(kind)
        if browser is None or not browser.is_connected():
            browser = self._running[kind] = await self.enter_async_context(launch())
        yield browser
        for window in browser.contexts:
            await window.close()


async def kill(browser: Browser) -> None:
    """End all of its processes at once. Were it only the main one, the network process would still say 1001."""
    session = await browser.new_browser_cdp_session()
    processes = (await session.send("SystemInfo.getProcessInfo"))["processInfo"]
    [main] = [process["id"] for process in processes if process["type"] == "browser"]
    assert os.getpgid(main) == main, "it leads a process group of its own"
    os.killpg(main, signal.SIGKILL)
