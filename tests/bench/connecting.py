"""Measure the time from loading a page through Vite until it is connected to a page in another window."""

from __future__ import annotations

from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from playwright.async_api import Browser, async_playwright

from tests.e2e.demo_page import in_room
from tests.kit.browsers import launched
from tests.kit.sites import start_demo
from tests.kit.starting import starting

RUNS = 20
NOTE_WHEN_CONNECTED = """
new MutationObserver(() => {
  const tile = document.querySelector('[data-testid=tile][data-state=connected]')
  if (tile !== null) window.connectedAtMs ??= performance.now()
}).observe(document, { subtree: true, childList: true, attributes: true })
"""


class Connected(NamedTuple):
    median_ms: float
    p95_ms: float


async def measure(folder: Path, browser_path: Path, runs: int = RUNS) -> Connected:
    async with (
        starting(folder) as start,
        async_playwright() as playwright,
        launched(playwright, browser_path) as browser,
    ):
        demo = await start_demo(start)
        await in_room(browser, demo.url, "bar", "Ann")
        times_ms = [await _time_to_connected_ms(browser, f"{demo.url}?room=bar") for _ in range(runs)]
    return Connected(median(times_ms), quantiles(times_ms, n=20)[-1])


async def _time_to_connected_ms(browser: Browser, room_url: str) -> float:
    """Measure the time from loading the page to its first connection in the room, in a new browser profile."""
    context = await browser.new_context()
    await context.add_init_script(NOTE_WHEN_CONNECTED)
    page = await context.new_page()
    await page.goto(room_url, wait_until="commit")
    handle = await page.wait_for_function("window.connectedAtMs")
    time_ms: float = await handle.json_value()
    await context.close()
    return time_ms
