"""Measure the time from loading a page through Vite until it is connected to a page in another window."""

from __future__ import annotations

from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from playwright.async_api import async_playwright

from tests.e2e.demo_page import in_room
from tests.e2e.time_to_connected import times_to_connected_ms
from tests.kit.browsers import launched
from tests.kit.sites import start_demo
from tests.kit.starting import starting

RUNS = 20


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
        times_ms = await times_to_connected_ms(browser, f"{demo.url}?room=bar", runs)
    return Connected(median(times_ms), quantiles(times_ms, n=20)[-1])
