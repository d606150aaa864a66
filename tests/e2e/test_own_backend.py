"""A backend such as Django or Laravel sends the pages, and Vite only their scripts.

Vite's guide describes this under "Backend Integration".
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, expect

from tests.frameworks.tabs import two_tabs
from tests.kit import readme
from tests.kit.programs import Start, until
from tests.kit.sites import PLUGIN, Site, sidecar_in, start_vite, url_in, write_app

CONFIGS = {"localhost": "vite.config.js", "app.test": "vite.config.js, backend"}
"""Maps the host name of the pages to the name of the configuration in the README."""
SCRIPT = """\
import { Mesh, SignalingClient } from 'CLIENT'
const output = document.body.appendChild(document.createElement('output'))
const mesh = new Mesh(new SignalingClient({ room: 'lobby' }))
mesh.addEventListener('connected', ({ detail }) => mesh.send('hi', detail.peerId))
mesh.addEventListener('message', ({ detail }) => output.append(String(detail.data)))
new RTCPeerConnection().addTransceiver('audio')  // of another library
"""
PAGE = """\
<!doctype html><html lang="en"><title>backend</title><body>
<script type="module" src="{vite}@vite/client"></script><script type="module" src="{vite}main.js"></script>
"""


def is_traced(record: dict[str, Any]) -> bool:
    return record["type"] == "trace.state" and "session" not in record and '"pc"' in record["data"]


class Backend:
    """A server with one page, whose scripts are from the Vite server at this URL."""

    def __init__(self) -> None:
        self.vite = ""
        self.port = 0

    async def page(self, request: web.Request) -> web.Response:
        return web.Response(text=PAGE.format(vite=self.vite), content_type="text/html")

    def url(self, name: str) -> str:
        return f"http://{name}:{self.port}/"


@pytest_asyncio.fixture(loop_scope="session")
async def backend() -> AsyncIterator[Backend]:
    app, backend = web.Application(), Backend()
    app.router.add_get("/", backend.page)
    async with TestServer(app) as server:
        assert server.port is not None
        backend.port = server.port
        yield backend


@pytest_asyncio.fixture(loop_scope="session")
async def site(name: str, backend: Backend, npm_package: Path, start: Start, tmp_path: Path) -> Site:
    folder = write_app(tmp_path, SCRIPT)
    config = readme.code(CONFIGS[name]).replace("vite-plugin-signaling-sidecar", str(PLUGIN))
    config = config.replace("http://app.test:8000", backend.url("app.test").rstrip("/"))
    # Vite must serve the client, which is outside of the project folder, and must not use the cache of other Vite
    # servers, which share these packages.
    shared = "{ name: 'shared', config: () => ({ cacheDir: '.vite', server: { fs: { strict: false } } }) }"
    (folder / "vite.config.js").write_text(config.replace("signaling()", f"signaling({{ trace: true }}), {shared}"))
    vite = await start_vite(start, folder)
    backend.vite = await url_in(vite)
    return Site(backend.vite, vite, await sidecar_in(vite))


@pytest.mark.parametrize("name", CONFIGS)
async def test_two_pages_of_the_backend_find_the_sidecar_behind_vite(
    name: str, backend: Backend, site: Site, browser: Browser
) -> None:
    tabs = await two_tabs(browser, backend.url(name))
    for tab in tabs:
        await expect(tab.page.locator("output")).to_have_text("hi")
    await tabs[0].page.reload()
    await expect(tabs[0].page.locator("output")).to_have_text("hi")
    assert [complaint for tab in tabs for complaint in tab.complaints] == []
    opened = [record for record in site.sidecar.records() if record["type"] == "connection.opened"]
    assert all(urlsplit(backend.url(name)).netloc in record["data"] for record in opened)
    # `trace: true` also reports the RTCPeerConnection that the page has created without our library.
    await until(lambda: any(is_traced(record) for record in site.sidecar.records()), "a connection is traced")


async def test_a_page_of_a_vite_without_the_plugin_is_told_what_to_check(
    npm_package: Path, start: Start, tmp_path: Path, browser: Browser
) -> None:
    folder = write_app(tmp_path, SCRIPT)
    (folder / "vite.config.js").write_text("export default { cacheDir: '.vite', server: { fs: { strict: false } } }")
    url = await url_in(await start_vite(start, folder))
    page = await browser.new_page()
    async with page.expect_console_message(lambda said: "no sidecar answers" in said.text) as heard:
        await page.goto(url)
    told = (await heard.value).text
    assert f"{url.replace('http', 'ws')}ws/signaling" in told
    assert "Check that signaling() is one of the plugins in vite.config" in told
