"""Pages with RTCPeerConnections of their own connect as the README of the npm package shows."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Browser, Page, expect

from tests.kit import readme
from tests.kit.programs import Start
from tests.kit.sites import start_app

NAMES = ("ann", "ben", "cleo")


async def test_three_pages_call_each_other_and_one_calls_again_after_its_reload(
    start: Start, browser: Browser, tmp_path: Path
) -> None:
    script = readme.code("own-connections.js").replace("vite-plugin-signaling-sidecar/browser", "CLIENT")
    app = await start_app(start, tmp_path, script, trace=False)
    faults: list[str] = []
    pages: list[Page] = []
    for _ in NAMES:
        page = await browser.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        await page.goto(app.url)
        pages.append(page)
        for each in pages:
            await expect(each.locator("body")).to_have_text("hi " * (len(pages) - 1))
    await pages[0].reload()
    await expect(pages[0].locator("body")).to_have_text("hi hi ")
    for page in pages[1:]:
        await expect(page.locator("body")).to_have_text("hi hi hi ")
    why = await start(["sidecar", "why"], tmp_path / "app")
    assert await why.ended() == 0, why.lines
    assert why.count(r"✓ tab . and tab .: connected") == 3, why.lines
    assert faults == []
