"""Starts real browsers, each as a separate process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Playwright

# Without these features, which tests do not need, a window takes less than half of the CPU time. They load a page for
# the suggestions below the address bar into each window, and start a spare process for the next page.
UNUSED_FEATURES = [
    "SpareRendererForSitePerProcess",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "WebUIOmniboxPopup",
]
# Chromium only uses the last list of disabled features. So our list must repeat the list that Playwright passes on all
# platforms (`chromiumSwitches.ts`).
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
    "--disable-dev-shm-usage",  # in containers, /dev/shm is too small
    "--disable-gpu",
    "--disable-quic",
    # A test address (RFC 5737) and a test name (RFC 6761) lead to this machine, so no test needs a browser of its own
    # for them.
    "--host-resolver-rules=MAP 192.0.2.1 127.0.0.1, MAP app.test 127.0.0.1",
]
CAMERA_FLAGS = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
FIREFOX_GATE = Path(__file__).with_name("firefox_gate.py")
# Playwright also passes settings, which disable updates and telemetry.
FIREFOX_SETTINGS: dict[str, str | float | bool] = {
    "media.gmp-manager.url": "",  # otherwise Firefox downloads a codec from the network
    "media.navigator.permission.disabled": True,  # every page may use the camera
    "media.navigator.streams.fake": True,  # the camera is simulated
    # Candidates have IP addresses. If no mDNS responder runs on this machine, Firefox and Chromium do not always
    # resolve each other's mDNS names in time.
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "network.captive-portal-service.enabled": False,
    # By default, Firefox starts processes for pages that a test may never open.
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
    """Launch Chromium. `without` are default flags of Playwright that are left out."""
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
    """Launch an unmodified Firefox with a simulated camera and microphone. Tests cannot change its colour scheme."""
    environment: dict[str, str | float | bool] = {
        **os.environ,
        "FIREFOX": str(path),
        # firefox_gate.py finds this Python interpreter on PATH.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }
    browser = await playwright.firefox.launch(
        channel="moz-firefox",  # with WebDriver BiDi; without this channel, Playwright needs a modified Firefox
        executable_path=FIREFOX_GATE,
        env=environment,
        firefox_user_prefs=FIREFOX_SETTINGS,
    )
    yield browser
    await browser.close()


class SharedBrowsers(AsyncExitStack):
    """One browser of each kind, which all tests share, because starting one takes longer than most tests."""

    def __init__(self) -> None:
        super().__init__()
        self._running: dict[str, Browser] = {}

    @asynccontextmanager
    async def lent(
        self, kind: str, launch: Callable[[], AbstractAsyncContextManager[Browser]]
    ) -> AsyncIterator[Browser]:
        """Yield the browser of this kind, or a new one if it was killed. Afterwards, all its windows are closed."""
        browser = self._running.get(kind)
        if browser is None or not browser.is_connected():
            browser = self._running[kind] = await self.enter_async_context(launch())
        yield browser
        for window in browser.contexts if browser.is_connected() else ():
            await window.close()


async def kill(browser: Browser) -> None:
    """Kill all processes of the browser at once.

    If only the main process was killed, the network process would still send Close frames with code 1001.
    """
    session = await browser.new_browser_cdp_session()
    processes = (await session.send("SystemInfo.getProcessInfo"))["processInfo"]
    [main] = [process["id"] for process in processes if process["type"] == "browser"]
    group = os.getpgid(main)
    assert group != os.getpgid(0), "Playwright starts each browser in a process group of its own"
    has_ended = asyncio.Event()
    browser.once("disconnected", lambda _: has_ended.set())
    os.killpg(group, signal.SIGKILL)
    await has_ended.wait()
