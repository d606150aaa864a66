"""Start real browsers, each in a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Playwright

# A page of a test needs none of these, and a window without them takes less than half of the CPU time: Chromium would
# load a page for the suggestions below its address bar into each window, and start a process for the next page.
UNUSED_FEATURES = [
    "SpareRendererForSitePerProcess",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "WebUIOmniboxPopup",
]
# Chromium only takes the last list that it is given. So ours contains what Playwright's list contains for all platforms
# (`chromiumSwitches.ts`).
PLAYWRIGHTS_DISABLED_FEATURES = [
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
]
FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",  # /dev/shm of a container is too small
    "--disable-gpu",
    "--disable-quic",
]
CAMERA_FLAGS = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
FIREFOX_GATE = Path(__file__).with_name("firefox_gate.py")
# Playwright's own settings disable updates and telemetry.
FIREFOX_SETTINGS: dict[str, str | float | bool] = {
    "media.gmp-manager.url": "",  # otherwise Firefox downloads a codec from the network
    "media.navigator.permission.disabled": True,  # every page may use the camera
    "media.navigator.streams.fake": True,  # the camera is simulated
    # Otherwise candidates have mDNS names, which Firefox and Chromium on one machine do not always resolve in time
    # if no mDNS responder is running there.
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "network.captive-portal-service.enabled": False,
    # Otherwise Firefox starts processes for pages that a test may never open.
    "dom.ipc.processPrelaunch.enabled": False,
}


@asynccontextmanager
async def launched(
    playwright: Playwright,
    path: Path,
    flags: Sequence[str] = (),
    *,
    without: Sequence[str] = (),
    disabled_features: Sequence[str] = (),
) -> AsyncIterator[Browser]:
    """`without` are default flags of Playwright that are not passed."""
    disabled = ",".join([*PLAYWRIGHTS_DISABLED_FEATURES, *UNUSED_FEATURES, *disabled_features])
    browser = await playwright.chromium.launch(
        executable_path=path,
        args=[*FLAGS, f"--disable-features={disabled}", *flags],
        ignore_default_args=list(without),
    )
    yield browser
    await browser.close()


@asynccontextmanager
async def launched_firefox(playwright: Playwright, path: Path) -> AsyncIterator[Browser]:
    """An unmodified Firefox with a camera and a microphone. Its colour scheme cannot be changed."""
    environment: dict[str, str | float | bool] = {
        **os.environ,
        "FIREFOX": str(path),
        # The gate runs with this Python interpreter.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }
    browser = await playwright.firefox.launch(
        channel="moz-firefox",  # uses WebDriver BiDi; otherwise Playwright needs a modified Firefox
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
        """The browser of this kind, or a new one if it was killed. The windows that are opened in it are closed
        afterwards."""
        browser = self._running.get(kind)
        if browser is None or not browser.is_connected():
            browser = self._running[kind] = await self.enter_async_context(launch())
        yield browser
        for window in browser.contexts if browser.is_connected() else ():
            await window.close()


async def kill(browser: Browser) -> None:
    """Kill all processes of the browser at once. If only the main process was killed, the network process would still
    send a Close with code 1001."""
    session = await browser.new_browser_cdp_session()
    processes = (await session.send("SystemInfo.getProcessInfo"))["processInfo"]
    [main] = [process["id"] for process in processes if process["type"] == "browser"]
    group = os.getpgid(main)
    assert group != os.getpgid(0), "Playwright starts each browser in a process group of its own"
    has_ended = asyncio.Event()
    browser.once("disconnected", lambda _: has_ended.set())
    os.killpg(group, signal.SIGKILL)
    await has_ended.wait()
