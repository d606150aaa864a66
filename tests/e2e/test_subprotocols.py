"""A page can open its WebSocket with subprotocols in every dialect, through Vite and directly."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.e2e.stories import STORIES
from tests.kit.programs import Start
from tests.kit.ways import through_the_plugin

OPEN = """([url, protocols]) => new Promise(done => {
  const socket = new WebSocket(url, protocols)
  socket.onopen = () => { socket.onclose = null; socket.close(); done(socket.protocol) }
  socket.onclose = ({ code }) => done(`closed with ${code}`)
})"""


@pytest.mark.usefixtures("npm_package")
async def test_the_first_subprotocol_of_the_page_is_selected(start: Start, browser: Browser, tmp_path: Path) -> None:
    way = await through_the_plugin(start, tmp_path)
    page = await (await browser.new_context()).new_page()
    await page.goto(way.url)
    canonical = {path for story in STORIES.values() for path in story.canonical}
    original = {path for story in STORIES.values() for path in story.other_paths}
    urls = [*(way.url + path for path in canonical), *(way.sidecar.url + path for path in canonical | original)]
    for url in urls:
        for protocols, answered in (
            ("json", "json"),
            (["graphql-transport-ws", "json"], "graphql-transport-ws"),
            ([], ""),
        ):
            assert await page.evaluate(OPEN, [url.replace("http", "ws", 1), protocols]) == answered, url
    assert way.sidecar.program.count("don.t overlap|Traceback") == 0
