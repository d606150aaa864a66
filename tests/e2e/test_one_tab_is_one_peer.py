"""A tab is one peer in a room, however its page creates and closes clients, and stays this peer over reloads."""

from __future__ import annotations

import asyncio
from html import escape
from pathlib import Path
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Frame, Playwright, Route

from tests.frameworks.tabs import Tab, most_at_once, settled
from tests.kit.browsers import launched
from tests.kit.checkout import FRONTEND
from tests.kit.programs import Start
from tests.kit.sites import Site, sidecar_in, start_vite, url_in, write_project

CONFIG = """
import signaling from 'vite-plugin-signaling-sidecar'
export default {
  plugins: [signaling()],
  optimizeDeps: { noDiscovery: true, include: [] },
  server: { fs: { strict: false } },
}
"""
# The URL contains the script that the page runs, so that a reload runs it again.
PAGE = """
import { Mesh, SignalingClient } from 'vite-plugin-signaling-sidecar/browser'
const query = new URLSearchParams(location.search)
const names = { Mesh, SignalingClient, room: query.get('room'), me: query.get('me') }
Object.assign(window, names, { said: [] })
window.hear = client => {
  for (const name of ['peer_joined', 'peer_left', 'peer_updated', 'left', 'waiting', 'refused', 'renamed', 'broadcast'])
    client.addEventListener(name, ({ detail }) => said.push(`${name} ${detail.why ?? detail.code ?? ''}`.trim()))
  return client
}
new Function('names', `with (names) { ${query.get('does')} }`)(names)
"""
JOINS = "window.client = hear(new SignalingClient({ room }))"
# Playwright's `wait_for_function` loads a script of its own into each page, which takes more CPU time than the page.
PEER_ID_WHEN_JOINED = """async () => {
  const client = () => window.client ?? window.mesh?.client
  while (!client()?.joined) await new Promise(resolve => setTimeout(resolve, 20))
  return client().peerId
}"""
JOINS_WITHIN_S = 30  # seconds; two slow cores may run the pages of several tests
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
    "of a mesh made twice of which the page keeps the first, as by React's useState": (
        "window.mesh = new Mesh({ room }); new Mesh({ room }); hear(mesh.client)"
    ),
    "that outlives its first mesh": (
        "window.client = new SignalingClient({ room }); new Mesh(client).close(); window.mesh = new Mesh(client)"
    ),
    "that left the room and came back": (
        "window.client = new SignalingClient({ room }); client.addEventListener('peer_list', () => "
        "{ client.leave(); client.join(room) }, { once: true })"
    ),
    "that is closed before the page is unloaded": JOINS + "; addEventListener('beforeunload', () => client.close())",
    "that is closed when the page is unloaded": JOINS + "; addEventListener('pagehide', () => client.close())",
    "that went to another room and back": (
        "window.client = new SignalingClient({ room }); client.addEventListener('peer_list', () => "
        "{ client.join('elsewhere'); client.join(room) }, { once: true })"
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
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


@pytest_asyncio.fixture(loop_scope="session")
async def window(browser: Browser) -> BrowserContext:
    return await browser.new_context()


async def opened(window: BrowserContext, site: Site, room: str, does: str, me: str = "me") -> Tab:
    tab = Tab(await window.new_page())
    await tab.page.goto(f"{site.url}?{urlencode({'room': room, 'does': does, 'me': me})}")
    return tab


async def joined(tab: Tab) -> str:
    """Wait until the page is in the room, and return its peer id."""
    return await joined_in(tab.page.main_frame)


async def joined_in(frame: Frame) -> str:
    async with asyncio.timeout(JOINS_WITHIN_S):
        return str(await frame.evaluate(PEER_ID_WHEN_JOINED))


@pytest.mark.parametrize("does", AT_ONCE.values(), ids=AT_ONCE)
async def test_two_tabs_stay_two_peers_over_reloads(
    site: Site, window: BrowserContext, does: str, request: pytest.FixtureRequest
) -> None:
    room = request.node.callspec.id
    tabs = [await opened(window, site, room, does, me) for me in ("user-1", "user-2")]
    ids = [await joined(tab) for tab in tabs]
    for _ in range(2):
        await asyncio.gather(*(tab.page.reload() for tab in tabs))
        assert [await joined(tab) for tab in tabs] == ids
        await settled(site.sidecar, room)
    assert most_at_once(site.sidecar, room) == 2
    assert [tab.complaints for tab in tabs] == [[], []]


async def test_a_page_that_is_reloaded_repeatedly_before_it_has_joined_stays_one_peer(
    site: Site, window: BrowserContext
) -> None:
    tab = await opened(window, site, "hasty", JOINS)
    for _ in range(8):
        await tab.page.evaluate("void location.reload()")
        await tab.page.wait_for_function("window.client")
    # A previous reload may not have finished, and then it replaces the page.
    await tab.page.wait_for_function("window.client?.joined")
    await settled(site.sidecar, "hasty", 1)
    assert most_at_once(site.sidecar, "hasty") == 1


@pytest.mark.parametrize(("before", "told"), [("", "left replaced"), ("client.close()", "left closed")])
async def test_others_are_not_told_when_a_newer_client_replaces_an_earlier_one(
    site: Site, window: BrowserContext, before: str, told: str
) -> None:
    ann = await opened(window, site, told, JOINS)
    ids = [await joined(ann)]
    ben = await opened(window, site, told, JOINS)  # only now, so that Ann is told that Ben has joined
    ids.append(await joined(ben))
    await ann.page.wait_for_function("said.splice(0).length > 0")
    assert await ben.page.evaluate(f"() => {{ {before}; {JOINS}; return said }}") == [told]
    assert [await joined(tab) for tab in (ann, ben)] == ids
    await ann.page.wait_for_function("said.length > 0")
    await ben.page.evaluate("client.broadcast()")  # when this frame arrives, all earlier frames have arrived
    await ann.page.wait_for_function("said.at(-1) === 'broadcast'")
    assert await ann.page.evaluate("said") == ["peer_updated", "broadcast"]


@pytest.mark.parametrize("closes", ["client.close()", "new Mesh(client).close()"])
async def test_a_closed_client_is_announced_as_left(site: Site, window: BrowserContext, closes: str) -> None:
    ann, ben = [await opened(window, site, closes, JOINS) for _ in range(2)]
    await joined(ann)
    await joined(ben)
    await ben.page.evaluate(closes)
    await ann.page.wait_for_function("said.includes('peer_left')")
    await settled(site.sidecar, closes, 1)


async def test_a_page_has_two_peers_if_it_names_slots_and_one_in_each_room(site: Site, window: BrowserContext) -> None:
    both = "window.other = new SignalingClient({ room, slot: 'second' }); new SignalingClient({ room: 'too' }); "
    tab = await opened(window, site, "two", both + JOINS)
    ids = {await joined(tab), await tab.page.evaluate("other.peerId")}
    await settled(site.sidecar, "two", 2)
    await settled(site.sidecar, "too", 1)
    await tab.page.reload()
    assert {await joined(tab), await tab.page.evaluate("other.peerId")} == ids
    await settled(site.sidecar, "two", 2)
    assert most_at_once(site.sidecar, "two") == 2
    assert most_at_once(site.sidecar, "too") == 1


async def test_two_frames_in_a_page_stay_two_peers_over_reloads(site: Site, window: BrowserContext) -> None:
    """The sidecar could confuse the two iframes, because they share the sessionStorage of their tab."""
    url = f"{site.url}?{urlencode({'room': 'framed', 'does': 'window.mesh = new Mesh({ room, capacity: 2 })'})}"
    frame = f"<iframe src='{escape(url)}'></iframe>"

    async def answer(route: Route) -> None:
        await route.fulfill(body=f"<!doctype html>{frame}{frame}", content_type="text/html")

    await window.route(f"{site.url}around", answer)
    tab = Tab(await window.new_page())
    await tab.page.goto(f"{site.url}around")
    ids = [await joined_in(each) for each in tab.page.main_frame.child_frames]
    for _ in range(3):
        await tab.page.reload()
        assert [await joined_in(each) for each in tab.page.main_frame.child_frames] == ids
        await settled(site.sidecar, "framed")
    assert most_at_once(site.sidecar, "framed") == len(set(ids)) == 2
    assert tab.complaints == []


async def test_another_copy_of_the_library_on_the_page_is_the_same_tab(site: Site, window: BrowserContext) -> None:
    tab = await opened(window, site, "copies", JOINS)
    peer_id = await joined(tab)
    copy = f"/@fs{FRONTEND}/dist/browser/index.mjs?copy"
    make = "async path => { window.client = new (await import(path)).SignalingClient({ room }) }"
    await tab.page.evaluate(make, copy)
    assert await joined(tab) == peer_id
    assert await tab.page.evaluate("said") == ["left replaced"]
    await settled(site.sidecar, "copies", 1)


async def test_a_tab_without_storage_is_one_peer_until_its_page_is_unloaded(site: Site, window: BrowserContext) -> None:
    denied = "get() { throw new DOMException('', 'SecurityError') }"
    await window.add_init_script(f"Object.defineProperty(window, 'sessionStorage', {{ {denied} }})")
    tab = await opened(window, site, "unstored", "new SignalingClient({ room }); " + JOINS)
    await joined(tab)
    await settled(site.sidecar, "unstored", 1)


async def test_a_second_tab_with_the_same_chosen_id_is_told_and_waits(site: Site, window: BrowserContext) -> None:
    joins = "window.client = hear(new SignalingClient({ room, peerId: 'user-1' }))"
    first = await opened(window, site, "same", joins)
    await joined(first)
    second = await opened(window, site, "same", joins)
    await second.page.wait_for_function("said.includes('waiting id-taken')")
    async with second.page.expect_console_message(lambda message: message.type == "warning") as warning:
        pass
    assert "uses this peer id" in (await warning.value).text
    await first.page.reload()  # the reloaded page keeps the peer id
    await joined(first)
    await first.page.evaluate("client.leave()")
    assert await joined(second) == "user-1"
    assert most_at_once(site.sidecar, "same") == 1


async def test_a_page_is_the_same_peer_after_the_back_button(
    site: Site, playwright: Playwright, browser_path: Path
) -> None:
    """Navigate back. The browser may have kept the page in its back/forward cache, or load it again."""
    async with launched(playwright, browser_path, without=["--disable-back-forward-cache"]) as browser:
        window = await browser.new_context()
        tab = await opened(window, site, "back", JOINS)
        peer_id = await joined(tab)
        await tab.page.goto(f"{site.url}?{urlencode({'room': 'back', 'does': JOINS, 'me': 'next'})}")
        assert await joined(tab) == peer_id
        await tab.page.go_back(wait_until="commit")
        await tab.page.wait_for_function("me === 'me'")
        assert await joined(tab) == peer_id
        await settled(site.sidecar, "back", 1)
        assert most_at_once(site.sidecar, "back") == 1
