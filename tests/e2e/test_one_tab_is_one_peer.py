"""Whatever a page does with its clients, its tab is one peer of the room, the same one over every reload."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext

from tests.e2e.browsers import launched
from tests.e2e.programs import Start
from tests.e2e.sites import FRONTEND, Site, sidecar_in, start_vite, url_in, write_project
from tests.frameworks.tabs import Tab, most_at_once, settled

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONFIG = """
import signaling from 'vite-plugin-signaling-sidecar'
export default {
  plugins: [signaling()],
  optimizeDeps: { noDiscovery: true, include: [] },
  server: { fs: { strict: false } },
}
"""
# What the page does is in its address, so that a reload does it again.
PAGE = """
import { Mesh, SignalingClient } from 'vite-plugin-signaling-sidecar/browser'
const query = new URLSearchParams(location.search)
const names = { Mesh, SignalingClient, room: query.get('room'), me: query.get('me') }
Object.assign(window, names, { said: [] })
window.hear = client => {
  for (const name of ['peer_joined', 'peer_left', 'peer_updated', 'left', 'waiting', 'refused', 'renamed'])
    client.addEventListener(name, ({ detail }) => said.push(`${name} ${detail.why ?? detail.code ?? ''}`.trim()))
  return client
}
new Function('names', `with (names) { ${query.get('does')} }`)(names)
"""
JOINS = "window.client = hear(new SignalingClient({ room }))"
IS_JOINED = "() => (window.client ?? window.mesh?.client)?.joined"
PEER_ID = "() => (window.client ?? window.mesh.client).peerId"
AT_ONCE = {
    "closed and made again, as by React's StrictMode": "new SignalingClient({ room }).close(); " + JOINS,
    "closed and made again, twice": "for (const _ of '12') new SignalingClient({ room }).close(); " + JOINS,
    "forgotten and made again": "new SignalingClient({ room }); " + JOINS,
    "closed and joined again": "window.client = new SignalingClient({ room }); client.close(); client.join(room)",
    "of an id that the app has chosen": "window.client = new SignalingClient({ room, peerId: me })",
    "of a chosen id, closed and made again": (
        "new SignalingClient({ room, peerId: me }).close(); window.client = new SignalingClient({ room, peerId: me })"
    ),
    "of a mesh that is closed, and nothing else": (
        "new Mesh(new SignalingClient({ room })).close(); window.mesh = new Mesh(new SignalingClient({ room }))"
    ),
    "of a mesh of its own": "new Mesh({ room }).close(); window.mesh = new Mesh({ room })",
    "that outlives its first mesh": (
        "window.client = new SignalingClient({ room }); new Mesh(client).close(); window.mesh = new Mesh(client)"
    ),
    "that left the room and came back": (
        "window.client = new SignalingClient({ room }); client.addEventListener('peer_list', () => "
        "{ client.leave(); client.join(room) }, { once: true })"
    ),
    "that went to another room and back": (
        "window.client = new SignalingClient({ room }); client.addEventListener('peer_list', () => "
        "{ client.join('elsewhere'); client.join(room) }, { once: true })"
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(start_once: Start, tmp_path_factory: pytest.TempPathFactory) -> Site:
    project = write_project(tmp_path_factory.mktemp("one-tab") / "app", CONFIG)
    (project / "index.html").write_text(
        "<!doctype html><title>tab</title><link rel='icon' href='data:,'><script type='module' src='/main.js'></script>"
    )
    (project / "main.js").write_text(PAGE)
    (project / "node_modules").mkdir()
    (project / "node_modules" / "vite-plugin-signaling-sidecar").symlink_to(FRONTEND)
    vite = await start_vite(start_once, project)
    return Site(await url_in(vite), vite, await sidecar_in(vite))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium(browser_path: Path) -> AsyncIterator[Browser]:
    async with launched(browser_path) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def window(chromium: Browser) -> AsyncIterator[BrowserContext]:
    async with await chromium.new_context() as window:
        yield window


async def opened(window: BrowserContext, site: Site, room: str, does: str, me: str = "me") -> Tab:
    tab = Tab(await window.new_page())
    await tab.page.goto(f"{site.url}?{urlencode({'room': room, 'does': does, 'me': me})}")
    return tab


async def joined(tab: Tab) -> str:
    """Its peer id, once it is in the room."""
    await tab.page.wait_for_function(IS_JOINED)
    return str(await tab.page.evaluate(PEER_ID))


@pytest.mark.parametrize("does", AT_ONCE.values(), ids=AT_ONCE)
async def test_two_tabs_are_two_peers_over_five_reloads_with_a_client(
    site: Site, window: BrowserContext, does: str, request: pytest.FixtureRequest
) -> None:
    room = request.node.callspec.id
    tabs = [await opened(window, site, room, does, me) for me in ("user-1", "user-2")]
    ids = [await joined(tab) for tab in tabs]
    for _ in range(5):
        await asyncio.gather(*(tab.page.reload() for tab in tabs))
        assert [await joined(tab) for tab in tabs] == ids
        await settled(site.sidecar, room)
    assert most_at_once(site.sidecar, room) == 2
    assert [tab.complaints for tab in tabs] == [[], []]
