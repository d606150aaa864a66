"""Real browsers, each a process of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
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


@asynccontextmanager
async def launched(path: Path, flags: Sequence[str] = (), without: Sequence[str] = ()) -> AsyncIterator[Browser]:
    """`without`: flags that playwright gives it otherwise."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path, args=[*FLAGS, *flags], ignore_default_args=list(without)
        )
        yield browser
        await browser.close()


async def kill(browser: Browser) -> None:
    """End all of its processes at once. Were it only the main one, the network process would still say 1001."""
    session = await browser.new_browser_cdp_session()
    processes = (await session.send("SystemInfo.getProcessInfo"))["processInfo"]
    [main] = [process["id"] for process in processes if process["type"] == "browser"]
    assert os.getpgid(main) == main, "it leads a process group of its own"
    os.killpg(main, signal.SIGKILL)
