"""The option `overlay: true` adds a badge to each page of the dev server. The badge does not disturb the app.

The badge shows the number of peers, and the state of their connections.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, expect

from tests.e2e.overlays import HOST, badge, look_into_overlays, panel
from tests.e2e.plain_pages import ON_THE_LAN
from tests.e2e.plain_peers import Join
from tests.kit.checkout import FRONTEND
from tests.kit.programs import Program, Start
from tests.kit.receiving import receive_json
from tests.kit.sites import (
    PLUGIN,
    VITE,
    Site,
    close_all_rooms,
    start_app,
    start_vite,
    url_in,
    write_app,
    write_project,
)

APP = """
import { Mesh } from 'CLIENT'
const { room, name } = Object.fromEntries(new URLSearchParams(location.search))
globalThis.mesh = room && new Mesh({ room, name })
document.documentElement.lang = 'en'
document.body.insertAdjacentHTML('beforeend', '<main><h1>My app</h1><input aria-label="Text" autofocus></main>')
"""
AXE = FRONTEND / "node_modules" / "axe-core" / "axe.min.js"
NARROW: ViewportSize = {"width": 390, "height": 700}
# The style of an app may apply to every element, transform the root, and put an element above all others.
HOSTILE_STYLE = """
* { all: unset !important }
div, section, span, button, signaling-overlay { display: none !important }
html { transform: translateZ(0) }
main { display: block; position: fixed; inset: 0; z-index: 2147483647 }
"""
STRICT = """<!doctype html><title>strict</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'self'; connect-src 'self' ws:">
"""
# The browser waits for the first picture of the video before it dispatches the event `load`.
NO_PICTURE = """<!doctype html><title>no picture</title><video id="remote" autoplay></video>
<script type="module">document.querySelector('video').srcObject = new MediaStream()</script>
"""
HEARD = """() => {
  globalThis.heard = []
  const types = ['click', 'pointerdown', 'keydown', 'focusin']
  for (const type of types) document.addEventListener(type, () => heard.push(type))
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running_app(start_once: Start, npm_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("overlay")
    site = await start_app(start_once, folder, APP, "My app", trace=False, overlay=True)
    (folder / "app" / "strict.html").write_text(STRICT)
    (folder / "app" / "no-picture.html").write_text(NO_PICTURE)
    return site


@pytest.fixture
def app(running_app: Site) -> Site:
    """The app that all tests share. Its rooms are empty when a test begins."""
    close_all_rooms(running_app.sidecar)
    return running_app


class Window:
    """A window of a browser, and the exceptions and console errors of its pages."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.complaints: list[str] = []

    async def open(self, url: str) -> Page:
        page = await self.context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: message.type == "error" and self.complaints.append(message.text))
        await page.goto(url)
        return page


@pytest_asyncio.fixture(loop_scope="session")
async def window(browser: Browser) -> AsyncIterator[Window]:
    context = await browser.new_context()
    await look_into_overlays(context)
    window = Window(context)
    yield window
    await context.close()
    assert window.complaints == []


async def two_meet(window: Window, app: Site, room: str = "bar") -> tuple[Page, Page]:
    ann = await window.open(f"{app.url}?room={room}&name=Ann")
    ben = await window.open(f"{app.url}?room={room}&name=Ben")
    for page in (ann, ben):
        await page.bring_to_front()  # a hidden page requests no updates
        await expect(badge(page)).to_have_text("✓2 peers, connected")
    return ann, ben


@asynccontextmanager
async def join_silently(session: aiohttp.ClientSession, app: Site, room: str) -> AsyncIterator[None]:
    """Let a peer join the room that never answers an offer."""
    async with session.ws_connect(f"{app.sidecar.url}/ws/signaling") as socket:
        await socket.send_json({"type": "join", "roomId": room, "peerId": "cy"})
        yield


# A browser reports a candidate of the other side as `prflx` if a check from it arrives before its signal.
CONNECTED = re.compile(r"^Ann and Ben: connected \(host to (host|prflx)\)$")


async def test_the_badge_counts_the_peers_and_the_list_leads_to_the_inspector(window: Window, app: Site) -> None:
    ann, _ = await two_meet(window, app)
    await ann.bring_to_front()
    await badge(ann).click()
    await expect(panel(ann).locator("li a")).to_have_text(CONNECTED)
    async with window.context.expect_page() as opening:
        await panel(ann).locator("li a").click()
    inspector = await opening.value
    url = urlsplit(inspector.url)
    assert url.path == "/__signaling/"
    query = parse_qs(url.query)
    peers = await ann.evaluate("[mesh.client.peerId, mesh.peers[0].peerId]")
    assert (query["room"], query["dialect"]) == (["bar"], ["rooms"])
    assert set(query["pair"][0].split(",")) == set(peers)
    await ann.bring_to_front()
    async with inspector.expect_navigation(url="**/__signaling/"):  # the tab of the inspector is reused
        await panel(ann).get_by_role("link", name="Open the inspector").click()


async def test_a_pair_is_found_in_the_inspector_although_an_id_contains_a_comma(
    window: Window, app: Site, join: Join
) -> None:
    await join(app.sidecar, "commas", "a,b%2C")
    await join(app.sidecar, "commas", "cy")
    page = await window.open(app.url)
    await badge(page).click()
    async with window.context.expect_page() as opening:
        await panel(page).locator("li a").click()
    chosen = (await opening.value).locator("[data-panel=ladder] .pair-filter")
    await expect(chosen).to_have_value('["a,b%2C","cy"]')


async def test_two_rooms_of_the_same_name_are_told_apart_by_their_protocols(
    window: Window, app: Site, join: Join
) -> None:
    await join(app.sidecar, "mesh", "ann")
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{app.sidecar.url}/ws/signaling/mesh") as socket,
    ):
        await socket.send_json({"type": "join", "peerId": "ben"})
        page = await window.open(app.url)
        await expect(badge(page)).to_have_text("-all rooms: 2 peers")
        await badge(page).click()
        await expect(panel(page).locator("h3")).to_have_text(["Room mesh", "Room mesh (protocol “mesh”)"])


async def test_peers_that_have_sent_no_signals_are_not_called_absent(window: Window, app: Site) -> None:
    async with aiohttp.ClientSession() as session:
        for peer in ("ann", "ben"):
            await session.ws_connect(f"{app.sidecar.url}/ws/signaling/peerjs?key=peerjs&id={peer}&token={peer}")
        page = await window.open(app.url)
        await expect(badge(page)).to_have_text("-all rooms: 2 peers")
        await badge(page).click()
        await expect(panel(page)).to_contain_text("None of these peers has sent another one a signal that can be read.")
        await expect(panel(page)).not_to_contain_text("no two peers")
        await expect(panel(page)).not_to_contain_text("No browser reports")


async def test_a_peer_that_does_not_answer_changes_the_badge_and_is_explained(window: Window, app: Site) -> None:
    ann, _ = await two_meet(window, app)
    await ann.bring_to_front()
    await badge(ann).click()
    async with aiohttp.ClientSession() as session, join_silently(session, app, "bar"):
        await expect(badge(ann)).to_have_text("✗3 peers, failed")
        await expect(panel(ann).locator("li").first).to_contain_text("failed")
        await expect(panel(ann).locator("li")).to_have_count(3)
        await expect(ann.locator(f"{HOST} [role=status]")).to_contain_text("Signaling: 3 peers, failed.")


async def test_a_page_that_is_in_no_room_sees_all_rooms(window: Window, app: Site) -> None:
    await two_meet(window, app)
    page = await window.open(app.url)
    await expect(badge(page)).to_have_text("✓all rooms: 2 peers, connected")
    await badge(page).click()
    await expect(panel(page)).to_contain_text("All rooms are shown")


async def test_the_style_of_the_app_changes_nothing(window: Window, app: Site) -> None:
    page = await window.open(app.url)
    await expect(badge(page)).to_have_text("-no peers")
    before = await badge(page).bounding_box()
    await page.add_style_tag(content=HOSTILE_STYLE)
    assert await badge(page).bounding_box() == before
    await badge(page).click()  # no element of the app covers the badge
    await expect(panel(page)).to_be_visible()


async def test_it_stays_when_the_app_replaces_its_page(window: Window, app: Site) -> None:
    page = await window.open(app.url)
    await expect(badge(page)).to_be_visible()
    await page.evaluate("document.body.innerHTML = ''")
    await expect(badge(page)).to_be_visible()
    await page.evaluate("document.querySelector('signaling-overlay').remove()")
    await expect(badge(page)).to_be_visible()


async def test_the_app_notices_nothing(window: Window, app: Site) -> None:
    page = await window.open(app.url)
    await expect(badge(page)).to_be_visible()
    assert await page.evaluate("document.activeElement.tagName") == "INPUT"
    assert await page.evaluate("customElements.get('signaling-overlay') === undefined && !('signaling' in globalThis)")
    assert await page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    await page.evaluate(HEARD)
    await badge(page).click()
    await page.keyboard.press("Escape")
    await expect(panel(page)).to_be_hidden()
    assert await page.evaluate("heard") == []
    box = await badge(page).bounding_box()
    assert box is not None
    await page.mouse.click(box["x"] - 5, box["y"] + 5)  # beside it
    assert "click" in await page.evaluate("heard")


async def test_tests_of_the_app_do_not_find_it(browser: Browser, app: Site) -> None:
    page = await browser.new_page()
    await page.goto(app.url)
    await expect(page.locator(HOST)).to_be_attached()
    assert await page.get_by_role("button").count() == 0
    assert await page.get_by_text("peers").count() == 0
    await page.wait_for_load_state("networkidle")  # the overlay has no pending request
    await page.close()


async def test_a_strict_content_security_policy_is_kept(window: Window, app: Site) -> None:
    page = await window.open(f"{app.url}strict.html")
    await expect(badge(page)).to_have_text("-no peers")
    assert await badge(page).evaluate("badge => getComputedStyle(badge).display") == "flex"


async def test_a_page_that_waits_for_the_picture_of_another_peer_has_a_badge(window: Window, app: Site) -> None:
    page = await window.context.new_page()
    await page.goto(f"{app.url}no-picture.html", wait_until="domcontentloaded")
    await expect(badge(page)).to_have_text("-no peers", timeout=15_000)
    assert await page.evaluate("document.readyState") == "interactive", "the event load has not happened"


async def test_it_can_be_moved_and_made_smaller_with_the_keyboard_and_remembers_it(window: Window, app: Site) -> None:
    page = await window.open(app.url)
    await badge(page).focus()
    await page.keyboard.press("Enter")
    await expect(badge(page)).to_have_attribute("aria-expanded", "true")
    await panel(page).get_by_role("button", name="Move").press("Enter")
    await panel(page).get_by_role("button", name="Shrink").press("Enter")
    await page.keyboard.press("Escape")
    await expect(badge(page)).to_be_focused()
    await page.reload()
    await expect(page.locator(HOST)).to_have_attribute("data-corner", "bottom-left")
    box = await badge(page).bounding_box()
    assert box is not None
    assert (box["x"], box["width"] < 40) == (8, True)


async def test_ten_tabs_do_not_block_the_app(window: Window, app: Site) -> None:
    tabs = [await window.open(app.url) for _ in range(10)]
    for tab in tabs:
        await tab.bring_to_front()
        await expect(badge(tab)).to_have_text("-no peers")
    statuses = await asyncio.gather(*(tab.evaluate("fetch('/').then(({ status }) => status)") for tab in tabs))
    assert statuses == [200] * 10


async def test_axe_finds_nothing_serious(window: Window, app: Site) -> None:
    ann, _ = await two_meet(window, app)
    await ann.bring_to_front()
    await ann.set_viewport_size(NARROW)
    await badge(ann).click()
    await expect(panel(ann).locator("li")).to_have_count(1)
    await ann.add_script_tag(path=AXE)
    for scheme in ("light", "dark"):
        await ann.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found = await ann.evaluate(
            "axe.run(document.querySelector('signaling-overlay')).then(found => found.violations)"
        )
        assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
    assert await panel(ann).evaluate("panel => panel.getBoundingClientRect().left >= 0")
    await ann.emulate_media(media="print")
    await expect(badge(ann)).to_be_hidden()


async def test_on_the_address_of_the_lan_it_says_where_to_look(window: Window, app: Site) -> None:
    page = await window.open(f"http://{ON_THE_LAN}:{urlsplit(app.url).port}/?room=bar")
    await expect(badge(page)).to_have_text("-not available")
    await badge(page).click()
    await expect(panel(page)).to_contain_text("The inspector can be opened only under a name of this machine itself")
    await expect(panel(page)).to_contain_text(f"{app.url}__signaling/")


async def test_it_says_when_the_sidecar_or_vite_does_not_answer(
    start: Start, tmp_path: Path, npm_package: Path, window: Window
) -> None:
    app = await start_app(start, tmp_path, "", overlay=True)
    page = await window.open(app.url)
    await expect(badge(page)).to_have_text("-no peers")
    os.kill(app.sidecar.pid, signal.SIGKILL)
    await expect(badge(page)).to_have_text("-not available")
    await expect(badge(page)).to_have_text("-no peers")  # the plugin has started the sidecar again
    await badge(page).click()
    await expect(panel(page)).to_contain_text("Nobody is in a room of this dev server.")
    assert window.complaints == []
    await app.vite.stop()
    await expect(badge(page)).to_have_text("-not available")
    await expect(panel(page)).to_contain_text("The dev server does not answer.")


async def own_config(start: Start, folder: Path, more: str) -> Program:
    """Start Vite with these additional options in its config, and with an app that joins no room."""
    plugin = "signaling({ overlay: true, trace: true })"
    config = f"import signaling from '{PLUGIN}'\nexport default {{ plugins: [{plugin}], {more} }}"
    return await start_vite(start, write_project(folder / "app", config))


async def test_the_web_socket_of_vite_may_have_a_port_of_its_own(
    start: Start, tmp_path: Path, npm_package: Path, window: Window, unused_tcp_port: int
) -> None:
    vite = await own_config(start, tmp_path, f"server: {{ hmr: {{ port: {unused_tcp_port} }} }}")
    url = await url_in(vite)
    page = await window.open(url)
    await expect(badge(page)).to_have_text("-no peers")
    async with aiohttp.ClientSession() as session:
        client = await (await session.get(f"{url}@vite/client")).text()
        [token] = re.findall(r'wsToken = "([^"]+)"', client)
        of_another_app = f"http://localhost:{unused_tcp_port + 1}"
        for origin, told in ((of_another_app, "reason"), (url.rstrip("/"), "rooms")):
            socket = f"ws://localhost:{unused_tcp_port}/?token={token}"
            async with session.ws_connect(socket, origin=origin, protocols=["vite-hmr"]) as watcher:
                await watcher.send_json({"type": "custom", "event": "signaling:watch", "data": {"isWatching": True}})
                while (heard := await receive_json(watcher)).get("event") != "signaling:update":
                    pass
                assert told in heard["data"]


async def test_the_terminal_says_that_there_is_no_badge_without_the_web_socket_of_vite(
    start: Start, tmp_path: Path, npm_package: Path
) -> None:
    vite = await own_config(start, tmp_path, "server: { ws: false }")
    await vite.line("overlay: true shows nothing, because server.ws: false turns off the WebSocket that it needs")


async def test_vite_may_bundle_the_app(start: Start, tmp_path: Path, npm_package: Path, window: Window) -> None:
    page = await window.open(await url_in(await own_config(start, tmp_path, "experimental: { bundledDev: true }")))
    await expect(badge(page)).to_have_text("-no peers")
    assert "[native code]" not in await page.evaluate("String(RTCPeerConnection)"), "the option trace has an effect"


async def test_a_refused_page_is_told_why(window: Window, app: Site, join: Join) -> None:
    await join(app.sidecar, "full", "ann", capacity=1)
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{app.sidecar.url}/ws/signaling") as ben:
        await ben.send_json({"type": "join", "roomId": "full", "peerId": "ben"})
        page = await window.open(app.url)
        await badge(page).click()
        refused = panel(page).locator("section", has_text="Refused").locator("li")
        await expect(refused).to_contain_text("ben was not admitted to full: room-full")
        await expect(refused).to_contain_text(
            "→ raise the room's capacity, if the protocol allows it, or close a tab that is still in it"
        )


async def test_an_app_that_signals_elsewhere_is_told_where_to_signal(window: Window, app: Site) -> None:
    page = await window.open(app.url)
    await badge(page).click()
    await expect(panel(page)).to_contain_text(f"ws://localhost:{urlsplit(app.url).port}/ws/signaling")
    await expect(panel(page)).to_contain_text(f'"ws://localhost:{urlsplit(app.url).port}/ws/signaling/y-webrtc"')
    url = f"{app.sidecar.url}/ws/signaling"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as one, session.ws_connect(url) as other:
        for socket, own, theirs in ((one, "ONE1", "TWO2"), (other, "TWO2", "ONE1")):
            report = {"type": "trace", "event": "state", "page": own, "pc": own, "connection": "connected"}
            await socket.send_json({**report, "localUfrag": own, "remoteUfrag": theirs})
        await expect(badge(page)).to_have_text("-signaled elsewhere")
        await expect(panel(page).locator("section").first).to_contain_text("they signal through another server")


async def test_firefox_shows_the_badge_and_the_list(firefox: Browser, app: Site) -> None:
    context = await firefox.new_context()
    await look_into_overlays(context)
    ann, _ = await two_meet(Window(context), app, "firefox")
    await ann.bring_to_front()
    await badge(ann).click()
    await expect(panel(ann).locator("li a")).to_contain_text("Ann and Ben: connected")
    await context.close()


async def test_a_build_has_nothing_of_it(start: Start, tmp_path: Path, npm_package: Path, window: Window) -> None:
    app = write_app(tmp_path, "document.title = 'built'", overlay=True)
    build = await start(["node", VITE, "build"], app)
    assert await build.ended() == 0
    built = [file.read_text() for file in (app / "dist").rglob("*") if file.is_file()]
    assert built
    assert not any(HOST in text or "@signaling" in text for text in built)
    page = await window.open(await url_in(await start_vite(start, app, ["preview"])))
    await expect(page).to_have_title("built")
    assert await page.locator(HOST).count() == 0
