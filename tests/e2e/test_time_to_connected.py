"""How long a newcomer waits. Printed, not judged: a machine that is busy with other work would fail it."""

from __future__ import annotations

from statistics import median

from playwright.async_api import Browser

from tests.e2e.demo_page import in_room
from tests.e2e.sites import Site

RUNS = 20
NOTE_WHEN_CONNECTED = """
new MutationObserver(() => {
  const tile = document.querySelector('[data-testid=tile][data-state=connected]')
  if (tile !== null) window.connectedAtMs ??= performance.now()
}).observe(document, { subtree: true, childList: true, attributes: true })
"""


async def test_the_time_from_page_load_to_connected_is_printed(
    demo: Site, browser: Browser, measured: list[str]
) -> None:
    await in_room(browser, demo.url, "bar", "Ann")
    times_ms: list[float] = []
    for _ in range(RUNS):
        context = await browser.new_context()
        await context.add_init_script(NOTE_WHEN_CONNECTED)
        page = await context.new_page()
        await page.goto(f"{demo.url}?room=bar", wait_until="commit")
        handle = await page.wait_for_function("window.connectedAtMs")
        times_ms.append(await handle.json_value())
        await context.close()
    shortest, middle, longest = min(times_ms), median(times_ms), max(times_ms)
    measured.append(
        f"from page load to connected, {RUNS} runs: {shortest:.0f} ms at least, {middle:.0f} ms median, "
        f"{longest:.0f} ms at most"
    )
