"""With `npm run dev:lan`, a phone opens the page at the LAN address of the laptop."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from tests.e2e.demo_page import DemoPage, all_connected
from tests.e2e.qr_codes import text_in
from tests.kit.checkout import FRONTEND
from tests.kit.programs import IN_A_TERMINAL, Program, Start
from tests.kit.sites import NEVER_LOCKED, Sidecar, close_all_rooms, sidecar_in, start_vite

PHONE = {"width": 390, "height": 844}
ANDROID = (
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1"
)
NOTE_HINTS_AT_CONNECT = """
window.hintsAtConnect = []
window.WebSocket = class extends WebSocket {
  constructor(...args) {
    const isShown = id => !document.querySelector(`[data-testid=${id}]`).hidden
    if (String(args[0]).endsWith('/ws/signaling')) hintsAtConnect.push(['insecure', 'untrusted'].filter(isShown))
    super(...args)
  }
}
"""
REFUSE_WEB_SOCKETS = """
window.WebSocket = class extends EventTarget {
  constructor() { super(); setTimeout(() => this.dispatchEvent(new CloseEvent('close', { code: 1006 }))) }
  close() {}
}
"""


@dataclass
class Laptop:
    """A laptop that serves the demo app on the LAN."""

    url: str
    """The URL that other devices use. It ends with a slash."""
    vite: Program
    sidecar: Sidecar


async def laptop_with(vite: Program) -> Laptop:
    printed = [match[1] for line in vite.lines if (match := re.search(r"Network:\s+(http\S+)", line))]
    if not printed:
        pytest.skip("this machine is on no network")
    sidecar = await sidecar_in(vite)
    site = json.loads((sidecar.state_dir / "site.json").read_text())
    assert sorted(site["network"]) == sorted(printed)
    return Laptop(site["network"][0], vite, sidecar)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running_laptop(start_once: Start, npm_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Laptop:
    cache = {"XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}
    vite = await start_once(["npm", "run", "dev:lan", "--", NEVER_LOCKED, "--port", "0"], FRONTEND, cache)
    await vite.line(r"Phone:")
    return await laptop_with(vite)


@pytest.fixture
def laptop(running_laptop: Laptop) -> Laptop:
    """The laptop with https that the tests share. Its rooms are empty when a test begins."""
    close_all_rooms(running_laptop.sidecar)
    return running_laptop


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running_laptop_without_https(
    start_once: Start, npm_package: Path, tmp_path_factory: pytest.TempPathFactory
) -> Laptop:
    """This laptop has its own state folder, because it would otherwise use the sidecar of the laptop with https."""
    state_home = {"XDG_STATE_HOME": str(tmp_path_factory.mktemp("home"))}
    vite = await start_vite(start_once, FRONTEND, ["demo", NEVER_LOCKED, "--host"], state_home)
    await vite.line(r"Signaling:")
    return await laptop_with(vite)


@pytest.fixture
def laptop_without_https(running_laptop_without_https: Laptop) -> Laptop:
    close_all_rooms(running_laptop_without_https.sidecar)
    return running_laptop_without_https


class Hand:
    """A person with a phone, who has accepted the warning about the certificate."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    async def opens(self, url: str, user_agent: str = ANDROID, script: str = "") -> DemoPage:
        context = await self.browser.new_context(
            viewport=PHONE, user_agent=user_agent, has_touch=True, is_mobile=True, ignore_https_errors=True
        )
        await context.add_init_script(NOTE_HINTS_AT_CONNECT + script)
        phone = DemoPage(await context.new_page(), "")
        await phone.page.goto(url)
        return phone


@pytest.fixture
def hand(browser: Browser) -> Hand:
    return Hand(browser)


@pytest.fixture
def hand_with_camera(browser_with_camera: Browser) -> Hand:
    return Hand(browser_with_camera)


def hint(page: Page, name: str) -> Locator:
    return page.get_by_test_id(name)


async def test_two_phones_connect_with_one_tap_each_with_video_and_data(laptop: Laptop, hand_with_camera: Hand) -> None:
    assert laptop.url.startswith("https://")
    ann, ben = await hand_with_camera.opens(laptop.url), await hand_with_camera.opens(laptop.url)
    for phone in (ann, ben):
        phone.name = await phone.page.get_by_test_id("name").input_value()
        await phone.page.get_by_test_id("room-card").filter(has_text="bar").tap()
    await all_connected(ann, ben)
    assert ann.name != ben.name
    await ann.say("good evening")
    await ben.reads("good evening")
    await ben.turn_camera_on()
    await expect(ann.tile(ben.name).locator("video")).to_be_visible()
    await expect(hint(ann.page, "insecure")).to_be_hidden()
    assert await ann.page.evaluate("hintsAtConnect") == [[]]
    assert ann.faults == ben.faults == []


async def test_only_vites_port_is_reachable_from_the_network(laptop: Laptop) -> None:
    host = urlsplit(laptop.url).hostname
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{laptop.url}ws/signaling/rooms", ssl=False) as answer:
            assert answer.status == 200
        async with session.get(f"{laptop.sidecar.url}/health") as answer:
            assert answer.status == 200
        port = urlsplit(laptop.sidecar.url).port
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(f"http://{host}:{port}/health")


async def test_the_qr_codes_on_the_page_contain_the_urls_of_the_lobby_and_the_room(laptop: Laptop, hand: Hand) -> None:
    local = re.search(r"Local:\s+(https://localhost\S+)", "\n".join(laptop.vite.lines))
    assert local is not None
    desk = await hand.opens(local[1])
    lobby = desk.page.get_by_test_id("lobby")
    await lobby.get_by_text("Open on your phone").click()
    await expect(lobby.get_by_test_id("phone-link")).to_have_text(laptop.url)
    assert await text_in(lobby.get_by_test_id("qr")) == laptop.url
    await desk.join("Gaming Zone")
    room = desk.page.get_by_test_id("room")
    await room.get_by_text("Open on your phone").click()
    link = room.get_by_test_id("phone-link")
    await expect(link).to_be_visible()
    await expect(link).to_have_attribute("href", f"{laptop.url}?room=Gaming+Zone")
    scanned = await text_in(room.get_by_test_id("qr"))
    assert scanned == f"{laptop.url}?room=Gaming+Zone"
    phone = await hand.opens(scanned)
    await expect(phone.page.get_by_test_id("room-name")).to_have_text("Gaming Zone")
    await expect(phone.page.get_by_test_id("tile")).to_have_count(2)
    assert desk.faults == phone.faults == []


async def test_a_terminal_shows_a_qr_code_and_a_log_only_the_url(start: Start, laptop: Laptop, tmp_path: Path) -> None:
    def blocks(program: Program) -> int:
        return program.count(r"^ {5}[█▀▄ ]{20,}$")

    assert laptop.vite.count(rf"Phone:\s+{re.escape(laptop.url)}$") == 1
    assert blocks(laptop.vite) == 0
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "TERM": "xterm-256color"}
    words = [*IN_A_TERMINAL, "npm", "run", "dev:lan", "--", NEVER_LOCKED, "--port", "0"]
    terminal = await start(words, FRONTEND, cache)
    await terminal.line(r"warns about the certificate")
    assert blocks(terminal) > 10


async def test_over_http_the_page_names_the_missing_features_and_the_rest_works(
    laptop_without_https: Laptop, hand: Hand
) -> None:
    url = laptop_without_https.url
    ann, ben = await hand.opens(url), await hand.opens(url)
    missing = hint(ann.page, "insecure")
    await expect(missing).to_contain_text("No camera or microphone")
    await expect(missing).to_contain_text("npm run dev:lan")
    await expect(missing).to_contain_text("signaling({ lan: true })")
    for phone in (ann, ben):
        phone.name = await phone.page.get_by_test_id("name").input_value()
        await phone.join("bar")
    await all_connected(ann, ben)
    await ann.say("good evening")
    await ben.reads("good evening")
    assert await ann.page.evaluate("[isSecureContext, hintsAtConnect]") == [False, [["insecure"]]]
    assert ann.faults == ben.faults == []


async def test_a_user_without_a_camera_sees_the_video_of_others(
    laptop_without_https: Laptop, hand_with_camera: Hand
) -> None:
    [port] = re.findall(r":(\d+)/", laptop_without_https.url)
    phone = await hand_with_camera.opens(laptop_without_https.url)
    await phone.join("bar")
    desk = await hand_with_camera.opens(f"http://localhost:{port}/")
    desk.name = await desk.page.get_by_test_id("name").input_value()
    await expect(hint(desk.page, "insecure")).to_be_hidden()
    await desk.join("bar")
    await expect(phone.page.get_by_test_id("media")).to_be_hidden()
    await desk.turn_camera_on()
    video = phone.tile(desk.name).locator("video")
    await expect(video).to_be_visible()
    await phone.page.wait_for_function("video => video.videoWidth > 0", arg=await video.element_handle())


async def test_an_iphone_shows_a_hint_until_it_is_connected(laptop: Laptop, hand: Hand) -> None:
    phone = await hand.opens(laptop.url, user_agent=IPHONE)
    await phone.page.wait_for_function("demo.client.state === 'connected'")
    assert await phone.page.evaluate("hintsAtConnect") == [["untrusted"]]
    await expect(hint(phone.page, "untrusted")).to_be_hidden()


async def test_a_refused_iphone_shows_how_to_connect(laptop: Laptop, hand: Hand) -> None:
    phone = await hand.opens(laptop.url, user_agent=IPHONE, script=REFUSE_WEB_SOCKETS)
    untrusted = hint(phone.page, "untrusted")
    await expect(untrusted).to_contain_text("Certificate Trust Settings")
    await expect(untrusted).to_contain_text("signaling({ lan: { https: false } })")
    async with phone.page.expect_download() as download:
        await phone.page.get_by_test_id("authority").click()
    text = (await (await download.value).path()).read_text()
    assert text.startswith("-----BEGIN CERTIFICATE-----")
    assert "PRIVATE" not in text
    assert phone.faults == []


async def test_an_iphone_over_http_needs_no_certificate(laptop_without_https: Laptop, hand: Hand) -> None:
    phone = await hand.opens(laptop_without_https.url, user_agent=IPHONE)
    await expect(hint(phone.page, "insecure")).to_be_visible()
    await expect(hint(phone.page, "untrusted")).to_be_hidden()


async def test_a_browser_without_webrtc_shows_a_hint(laptop: Laptop, hand: Hand) -> None:
    phone = await hand.opens(laptop.url, script="delete globalThis.RTCPeerConnection")
    await expect(hint(phone.page, "without-webrtc")).to_contain_text("This browser cannot connect to the others")
    other = await hand.opens(laptop.url)
    await expect(hint(other.page, "without-webrtc")).to_be_hidden()
    assert phone.faults == []


@pytest.mark.parametrize("place", ["", "?room=bar"])
async def test_nothing_is_wider_than_the_phone(laptop: Laptop, hand: Hand, place: str) -> None:
    phone = await hand.opens(laptop.url + place, user_agent=IPHONE, script=REFUSE_WEB_SOCKETS)
    await expect(hint(phone.page, "untrusted")).to_be_visible()
    assert await phone.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
