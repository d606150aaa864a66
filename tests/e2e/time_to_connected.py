"""Measures how long a newcomer waits for a connection.

No test asserts a time, because times depend on the machine's load.
"""

from __future__ import annotations

from statistics import median
from typing import Any

from playwright.async_api import Browser

NOTE_WHEN_CONNECTED = """
new MutationObserver(() => {
  const tile = document.querySelector('[data-testid=tile][data-state=connected]')
  if (tile !== null) window.connectedAtMs ??= performance.now()
}).observe(document, { subtree: true, childList: true, attributes: true })
"""


async def times_to_connected_ms(browser: Browser, room_url: str, runs: int, **context: Any) -> list[float]:
    """Measure the time from loading the page to the first connection in the room, in a new browser profile each time.

    `context` are arguments for Playwright's `new_context`.
    """
    return [await _one_time_ms(browser, room_url, context) for _ in range(runs)]


def in_words(times_ms: list[float]) -> str:
    shortest, middle, longest = min(times_ms), median(times_ms), max(times_ms)
    return (
        f"from page load to connected, {len(times_ms)} runs: {shortest:.0f} ms at least, {middle:.0f} ms median, "
        f"{longest:.0f} ms at most"
    )


async def _one_time_ms(browser: Browser, room_url: str, options: dict[str, Any]) -> float:
    context = await browser.new_context(**options)
    await context.add_init_script(NOTE_WHEN_CONNECTED)
    page = await context.new_page()
    await page.goto(room_url, wait_until="commit")
    handle = await page.wait_for_function("window.connectedAtMs")
    time_ms: float = await handle.json_value()
    await context.close()
    return time_ms
