"""The status page works in a real browser, both at the sidecar's own port and through Vite."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, WebSocketRoute, expect

from signaling_sidecar.dialects import DIALECTS
from tests.e2e.demo_page import in_room, meet, new_page
from tests.e2e.plain_peers import Join
from tests.kit.programs import Start, until
from tests.kit.sites import Sidecar, Site, close_all_rooms, sidecar_in, start_sidecar, start_vite, url_in, write_project
from tests.kit.ways import config_with_plugin, serve_over_https

HOSTILE = [
    "<img src=x onerror=document.title='hacked'>",
    "{{nonce}}</script><b>bold",
    "javascript:alert(1)",
    "\u202etfel",
]
FAILS_WITHIN_MS = 30_000  # ms; longer than the time after which a pair counts as failed
ONLY_BY_RELAY = """
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(configuration) {
    super({ ...configuration, iceTransportPolicy: 'relay' })
  }
}
"""
HOW_MANY_LINES = "pre => new Set([...pre.firstElementChild.getClientRects()].map(({ top }) => Math.round(top))).size"
NOBODY = "Nobody is in a listed room. The inspector also shows hidden rooms, and rooms of protocols that list none."
ROUND_TRIP = re.compile(r"^connected, round trip \d+\.\d ms$")
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"


class Place(NamedTuple):
    """The URL of a status page, and the sidecar that serves it."""

    url: str
    sidecar: Sidecar


async def straight(start: Start, folder: Path) -> Place:
    sidecar = await start_sidecar(start, write_project(folder / "app", ""))
    return Place(f"{sidecar.url}/", sidecar)


async def through_vite(start: Start, folder: Path) -> Place:
    return await _through_vite(start, folder, [], "ws/signaling")


async def under_vites_base(start: Start, folder: Path) -> Place:
    """Return the URL below Vite's `base`, which browsers use behind a reverse proxy that forwards only this path."""
    return await _through_vite(start, folder, ["--base", "/shop/"], "ws/signaling")


async def _through_vite(start: Start, folder: Path, words: list[str], path: str) -> Place:
    vite = await start_vite(start, write_project(folder / "app", config_with_plugin()), words)
    sidecar = await sidecar_in(vite)
    return Place(await url_in(vite) + path, sidecar)


WAYS = [straight, through_vite, under_vites_base]
# For tests in which neither the paths of the page nor what the sidecar knows about Vite matters.
one_way = pytest.mark.parametrize("running_place", [straight], indirect=True)


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=WAYS, ids=lambda way: way.__name__)
async def running_place(
    request: pytest.FixtureRequest, start_once: Start, npm_package: Path, tmp_path_factory: pytest.TempPathFactory
) -> Place:
    found: Place = await request.param(start_once, tmp_path_factory.mktemp("place"))
    return found


@pytest.fixture
def place(running_place: Place) -> Place:
    """A status page that several tests share. The rooms of its sidecar are empty when a test begins."""
    close_all_rooms(running_place.sidecar)
    return running_place


@pytest.fixture
def demo(shared_demo: Site) -> Site:
    return shared_demo


class Watched(NamedTuple):
    page: Page
    faults: list[str]
    """The errors in the browser: exceptions, refused loads and violations of the content security policy."""


async def open_page(context: BrowserContext, url: str) -> Watched:
    watched = Watched(await context.new_page(), [])
    watched.page.on("pageerror", lambda error: watched.faults.append(str(error)))
    watched.page.on("console", lambda message: watched.faults.append(message.text))
    await watched.page.goto(url)
    return watched


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(ignore_https_errors=True)
    yield context
    await context.close()


async def test_rooms_appear_and_disappear_on_the_page(place: Place, context: BrowserContext, join: Join) -> None:
    page, faults = await open_page(context, place.url)
    rooms = page.get_by_test_id("rooms").locator("> li")
    await expect(page.get_by_text(NOBODY)).to_be_visible()
    ann = await join(place.sidecar, "Gaming Zone", "ann", capacity=4)
    await expect(rooms).to_have_count(1)
    await expect(rooms).to_contain_text("1 of 4 peers")
    ben = await join(place.sidecar, "Gaming Zone", "ben")
    await expect(rooms).to_contain_text("2 of 4 peers")
    await join(place.sidecar, "secret", "cleo", listed=False)
    await join(place.sidecar, "Central Bar", "dan")
    await expect(page.get_by_test_id("sum")).to_have_text("2 listed, 3 peers")
    for socket in (ann, ben):
        await socket.send_json({"type": "leave"})
    await expect(rooms).to_have_count(1)
    assert "secret" not in await page.content()
    assert faults == []


@one_way
async def test_names_of_rooms_are_escaped(place: Place, context: BrowserContext, join: Join) -> None:
    page, faults = await open_page(context, place.url)
    for room in HOSTILE:
        await join(place.sidecar, room, "ann", name=room)
    people = page.get_by_test_id("rooms").locator(".person")
    # Names of peers with a character that reverses the text direction are shown with an escape.
    await expect(people).to_have_text([*HOSTILE[:3], "\\u202etfel"])
    names = page.get_by_test_id("rooms").locator("b")
    await expect(names).to_have_text(HOSTILE)
    await expect(page.get_by_test_id("rooms").locator("img, script, a")).to_have_count(0)
    await expect(page).to_have_title("Signaling sidecar")
    assert faults == []


async def test_the_button_connects_two_tabs(place: Place, context: BrowserContext) -> None:
    one, faults = await open_page(context, place.url)
    trial = one.get_by_test_id("trial")
    for _ in range(2):  # the button works again after the first time
        async with context.expect_page() as opened:
            await one.get_by_test_id("try").click()
        other = await opened.value
        await expect(other.get_by_test_id("trial")).to_have_text(ROUND_TRIP)
        await expect(trial).to_have_text(ROUND_TRIP)
        await expect(one.get_by_text(NOBODY)).to_be_visible()
        await other.reload()
        await expect(other.get_by_test_id("trial")).to_have_text(ROUND_TRIP)
        await expect(trial).to_have_text(ROUND_TRIP)
        await other.close()
        await expect(trial).to_have_text("the other tab is gone")
    assert faults == []


@one_way
async def test_both_tabs_say_that_their_browser_has_no_webrtc(place: Place, context: BrowserContext) -> None:
    await context.add_init_script("delete globalThis.RTCPeerConnection")
    one, faults = await open_page(context, place.url)
    async with context.expect_page() as opened:
        await one.get_by_test_id("try").click()
    for tab in (one, await opened.value):
        await expect(tab.get_by_test_id("trial")).to_have_text("WebRTC is not available in this browser")
    assert faults == []


async def test_the_findings_of_the_doctor_are_shown(place: Place, context: BrowserContext) -> None:
    page, faults = await open_page(context, place.url)
    is_alone = place.url.startswith(place.sidecar.url)
    information = "vite-not-found" if is_alone else "vite-localhost-only"
    await expect(page.get_by_test_id("verdict")).to_have_text("No check has failed")
    row = page.get_by_test_id("faults").locator(f"[data-code={information}]")
    await expect(row).to_be_visible()
    await expect(row).to_have_attribute("data-level", "note")
    fine = page.get_by_test_id("fine").locator("li")
    for code in ("secure", "webrtc", "websocket", "sidecar-up"):
        await expect(fine.and_(page.locator(f"[data-code={code}]"))).to_have_count(1)
    where = page.get_by_test_id("where")
    for way in ("signaling({ lan: true })", "vite --host"):
        await expect(where).to_contain_text(way)
    await expect(where.get_by_role("link")).to_have_count(0)  # no link to localhost, which a phone could not open
    await expect(page.get_by_test_id("qr")).to_be_hidden()
    assert faults == []


async def test_the_line_of_a_dialect_is_copied_and_opens_its_socket(place: Place, context: BrowserContext) -> None:
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    page, _ = await open_page(context, place.url)
    copy = page.get_by_role("button", name="Copy the line for mesh")
    await expect(copy).to_be_hidden()
    await page.get_by_test_id("raw").locator("summary").click()
    await copy.click()
    await expect(page.get_by_text("Copied")).to_be_visible()
    line = await page.evaluate("navigator.clipboard.readText()")
    assert "/ws/signaling/mesh" in line
    script = f"new Promise((done, fail) => {{ const socket = {line}; socket.onopen = done; socket.onerror = fail }})"
    elsewhere, _ = await open_page(context, place.sidecar.url if place.url.startswith(place.sidecar.url) else place.url)
    await elsewhere.evaluate(f"{script}.then(() => 'open')")


async def test_the_code_on_the_page_connects_two_pages(demo: Site, context: BrowserContext) -> None:
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    page, faults = await open_page(context, f"{demo.url}ws/signaling")
    await page.get_by_role("button", name="Copy the code of an app").click()
    await expect(page.get_by_text("Copied")).to_be_visible()
    code: str = await page.evaluate("navigator.clipboard.readText()")
    # Vite does not serve this script, so the name of the module is replaced by a URL.
    code = code.replace("'vite-plugin-signaling-sidecar/browser'", "'/@id/vite-plugin-signaling-sidecar/browser'")
    said: list[str] = []
    for _ in range(2):
        app = await context.new_page()
        app.on("console", lambda message: said.append(message.text.rpartition(" ")[2]))
        await app.goto(demo.url)
        await app.add_script_tag(type="module", content=code)
    await until(lambda: said.count("hi") == 2, "each has heard the other")
    await expect(page.get_by_test_id("rooms").locator("> li")).to_contain_text("lobby")
    await expect(page.get_by_test_id("rooms").locator("[data-state=connected]")).to_have_count(1)
    assert faults == []


async def test_a_room_shows_its_peers_and_the_state_of_each_pair(
    demo: Site, context: BrowserContext, browser: Browser
) -> None:
    ann, ben, cleo = [await new_page(browser, name) for name in ("Ann", "Ben", "Cleo")]
    await cleo.page.add_init_script(ONLY_BY_RELAY)
    await meet(demo.url, "bar", ann, ben)
    page, faults = await open_page(context, f"{demo.url}ws/signaling")
    room = page.get_by_test_id("rooms").locator("> li")
    pair = room.locator("[data-state]")
    await expect(room.locator(".person")).to_have_text(["Ann", "Ben"])
    await expect(pair).to_have_attribute("data-state", "connected")
    await expect(pair).to_contain_text("Ann and Ben: connected")
    await cleo.open(demo.url)
    await cleo.join("bar")
    failed = room.locator("[data-state=failed]")
    await expect(failed).to_have_count(2, timeout=FAILS_WITHIN_MS)
    await expect(failed.filter(has_text="Ann and Cleo")).to_contain_text("TURN server")  # how to correct it
    await ben.page.close()
    await expect(room.locator(".person").filter(has_text="Ben")).to_have_text("Ben, away")
    assert faults == []


async def test_peers_are_not_shown_to_other_machines(demo: Site, browser: Browser) -> None:
    await in_room(browser, demo.url, "bar", "Ann", "Ben")
    context = await browser.new_context(extra_http_headers={"X-Forwarded-For": "10.0.40.7"})
    page, _ = await open_page(context, f"{demo.sidecar.url}/")
    await expect(page.get_by_test_id("rooms").locator("> li")).to_contain_text("2 peers")
    await expect(page.get_by_test_id("people-hint")).to_contain_text("open this page there with localhost")
    assert "Ann" not in await page.content()


async def test_nothing_is_wider_than_a_phone_and_no_qr_code_is_wrapped(place: Place, browser: Browser) -> None:
    context = await browser.new_context(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    page, faults = await open_page(context, place.url)
    await page.get_by_test_id("raw").locator("summary").tap()
    codes = page.locator("pre:visible")
    await expect(codes).to_have_count(len(DIALECTS) + 1)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    for code in await codes.all():
        lines = (await code.inner_text()).count("\n") + 1
        assert await code.evaluate(HOW_MANY_LINES) <= lines
    assert faults == []


@pytest.mark.usefixtures("npm_package")
async def test_the_qr_code_contains_the_network_url_of_the_page(
    start: Start, tmp_path: Path, context: BrowserContext
) -> None:
    place = await under_vites_base(start, tmp_path)
    url, lan_url = place.url.removesuffix("ws/signaling"), "https://10.0.40.44:5173/shop/"
    site = {"pid": place.sidecar.pid, "name": "shop", "local": [url], "network": [lan_url], "secret": "s" * 43}
    (place.sidecar.state_dir / "site.json").write_text(json.dumps(site))
    page, faults = await open_page(context, place.url)
    await expect(page.get_by_role("img", name=f"QR code of {lan_url}")).to_be_visible()
    await expect(page.get_by_test_id("where").get_by_role("link")).to_have_attribute("href", lan_url)
    await expect(page.get_by_text("of shop, version")).to_be_visible()
    for code in ("vite-localhost-only", "address-gone"):
        await expect(page.get_by_test_id("faults").locator(f"[data-code={code}]")).to_be_visible()
    assert faults == []


@pytest.mark.usefixtures("npm_package")
async def test_on_an_iphone_a_refused_websocket_is_explained_by_the_certificate(
    start: Start, tmp_path: Path, browser: Browser
) -> None:
    """The test simulates the refusal in Chromium, because WebKit is not installed."""
    project = write_project(tmp_path / "app", config_with_plugin())
    serve_over_https(project)
    vite = await start_vite(start, project)
    url = f"{await url_in(vite)}ws/signaling"
    await sidecar_in(vite)
    context = await browser.new_context(ignore_https_errors=True, user_agent=IPHONE)

    async def refuse(route: WebSocketRoute) -> None:
        await route.close(code=1006)

    await context.route_web_socket("**/ws/signaling", refuse)
    page, _ = await open_page(context, url)
    row = page.get_by_test_id("faults").locator("[data-code=websocket]")
    await expect(row).to_contain_text("iOS does not open the WebSocket")
    await expect(row).to_contain_text("mkcert")
    await context.close()


@one_way
async def test_a_websocket_that_is_open_but_silent_is_not_live(place: Place, context: BrowserContext) -> None:
    def say_nothing(route: WebSocketRoute) -> None:
        route.on_message(lambda _: None)

    page = await context.new_page()
    await page.clock.install()
    await page.route_web_socket(re.compile("^ws"), say_nothing)
    await page.goto(place.url)
    await expect(page.locator("#state")).to_have_text("live")
    await page.clock.run_for(15_500)  # after 17 s, the page opens another WebSocket, and is live again
    await expect(page.locator("#state")).to_have_text("no connection")


@one_way
async def test_a_websocket_without_an_answer_is_reported(
    place: Place, start: Start, tmp_path: Path, context: BrowserContext
) -> None:
    rule = json.dumps({"/ws/signaling": {"target": place.sidecar.url, "xfwd": True}})
    project = write_project(tmp_path / "app", f"export default {{ server: {{ proxy: {rule} }} }}")
    url = await url_in(await start_vite(start, project))
    page, _ = await open_page(context, f"{url}ws/signaling")
    row = page.get_by_test_id("faults").locator("[data-code=websocket]")
    await expect(row).to_contain_text("ws: true")
