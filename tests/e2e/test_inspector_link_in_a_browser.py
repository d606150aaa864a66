"""`sidecar inspect` without Vite: the link opens the inspector in a real browser."""

from __future__ import annotations

from pathlib import Path

import aiohttp
from playwright.async_api import Browser, expect

from tests.kit.programs import Start
from tests.kit.sites import start_sidecar


async def test_the_link_of_sidecar_inspect_opens_the_inspector(start: Start, browser: Browser, tmp_path: Path) -> None:
    sidecar = await start_sidecar(start, tmp_path)
    inspect = await start(["sidecar", "inspect", "--no-open"], tmp_path)
    link = (await inspect.line(r"^http://\S+/inspector/#code=\S+$"))[0]
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{sidecar.url}/ws/signaling") as ann:
        await ann.send_json({"type": "join", "roomId": "tea-room", "peerId": "ann"})
        await ann.receive_json()
        page = await browser.new_page()
        await page.goto(link)
        await expect(page.get_by_text("tea-room").first).to_be_visible()
        assert "code" not in page.url
        await page.reload()
        await expect(page.get_by_text("tea-room").first).to_be_visible()
        other = await browser.new_page()
        await other.goto(link)
        await expect(other.locator("#down")).to_contain_text("this link was used before")
        inspect = await start(["sidecar", "inspect", "--no-open"], tmp_path)
        another = (await inspect.line(r"^http://\S+/inspector/#code=\S+$"))[0]
        for tab in (other, page):  # which shows a refusal, and which has a token
            await tab.goto(link)
            await expect(tab.get_by_text("tea-room" if tab is page else "sidecar inspect").first).to_be_visible()
        await other.goto(another)
        await expect(other.get_by_text("tea-room").first).to_be_visible()
        await expect(other.locator("#down")).to_be_hidden()
        await page.close()
        await other.close()
