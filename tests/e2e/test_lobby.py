"""The lobby of the demo shows the rooms before a person joins one."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser, BrowserContext, Page, Route, expect

from tests.e2e.demo_page import new_page
from tests.kit.sites import Site

POLL_S = 10  # seconds; the interval in which the lobby requests the pages of its neighbours
HOUR_MS = 3_600_000
TWO_WORDS = re.compile(r"^[A-Z][a-z]+ [A-Z][a-z]+$")


@pytest.fixture
def demo(shared_demo: Site) -> Site:
    return shared_demo


async def open_lobby(context: BrowserContext, url: str) -> Page:
    page = await context.new_page()
    await page.goto(url)
    return page


async def test_rooms_are_shown_live_with_people_capacity_and_age(demo: Site, browser: Browser) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    await page.clock.install()
    await page.goto(demo.url)
    card = page.get_by_test_id("room-card").filter(has_text="Gaming Zone")
    await expect(card).to_contain_text("nobody yet")
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{demo.url}ws/signaling") as ann:
        await ann.send_json({"type": "join", "roomId": "Gaming Zone", "peerId": "ann", "capacity": 2})
        await expect(card).to_contain_text("Gaming Zone (1)")
        await expect(card).to_contain_text("room for 1 more, open for less than a minute")
        await page.clock.fast_forward(HOUR_MS // 2)
        await expect(card).to_contain_text("open for 30 min")
        await page.clock.fast_forward(2 * HOUR_MS)
        await expect(card).to_contain_text("open for 2 h")
        async with session.ws_connect(f"{demo.url}ws/signaling") as ben:
            await ben.send_json({"type": "join", "roomId": "Gaming Zone", "peerId": "ben"})
            await expect(card).to_contain_text("Gaming Zone (2)")
            await expect(card).to_contain_text("full, open for 2 h")
    await expect(card).not_to_contain_text("(2)")


async def test_a_card_is_a_link_that_can_be_copied_and_opened_elsewhere(demo: Site, browser: Browser) -> None:
    context = await browser.new_context()
    lobby = await open_lobby(context, demo.url)
    card = lobby.get_by_test_id("room-card").filter(has_text="Study Hall")
    await expect(card).to_have_attribute("href", "?room=Study+Hall")
    async with context.expect_page() as opening:
        await card.click(modifiers=["ControlOrMeta"])
    other = await opening.value
    await expect(other.get_by_test_id("room-name")).to_have_text("Study Hall")
    await expect(lobby.get_by_test_id("lobby")).to_be_visible()
    await card.click()  # without a modifier key, the click opens the room in this page, without a reload
    await expect(lobby.get_by_test_id("room-name")).to_have_text("Study Hall")
    await lobby.go_back()
    await expect(lobby.get_by_test_id("lobby")).to_be_visible()


async def test_a_user_without_a_name_gets_a_lasting_name_of_two_words(demo: Site, browser: Browser) -> None:
    context = await browser.new_context()
    first = await open_lobby(context, demo.url)
    name = await first.get_by_test_id("name").input_value()
    assert TWO_WORDS.match(name)
    second = await open_lobby(context, demo.url)
    await expect(second.get_by_test_id("name")).to_have_value(name)
    await second.get_by_test_id("name").fill("")
    await second.get_by_test_id("room-card").filter(has_text="bar").click()
    await expect(second.get_by_test_id("tile-name")).to_have_text(name)
    ann = await new_page(browser, "Ann")
    await ann.open(demo.url)
    await ann.join("bar")
    await ann.reads(f"{name} is here")


async def test_without_a_network_no_qr_code_is_shown_or_requested(demo: Site, browser: Browser) -> None:
    page = await (await browser.new_context()).new_page()
    faults: list[str] = []
    page.on("response", lambda answer: faults.append(answer.url) if answer.status >= HTTPStatus.BAD_REQUEST else None)
    async with page.expect_response("**/ws/signaling/status?brief=") as asking:
        await page.goto(demo.url)
    assert (await (await asking.value).json())["site"]["network"] == []
    await expect(page.get_by_test_id("room-card").first).to_be_visible()
    await expect(page.get_by_test_id("lobby").get_by_test_id("phone")).to_be_hidden()
    await expect(page.locator("link[rel=icon]")).to_have_attribute("href", re.compile("^data:image/svg"))
    assert faults == []


async def test_a_card_is_joined_from_the_keyboard(demo: Site, browser: Browser) -> None:
    page = await open_lobby(await browser.new_context(), demo.url)
    card = page.get_by_test_id("room-card").first
    await page.get_by_test_id("name").focus()
    await page.keyboard.press("Tab")
    await expect(card).to_be_focused()
    await expect(card).to_have_css("outline-style", "solid")
    await expect(card).to_have_css("cursor", "pointer")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("room-name")).to_have_text("bar")


# --- rooms of other sidecars ----------------------------------------------------------------------------------------


class Neighbourhood:
    """Answers the requests of the lobby like a sidecar that has found these neighbours, and counts the requests."""

    def __init__(self, *neighbours: dict[str, Any], status: int = 200) -> None:
        self.neighbours = neighbours
        self.status = status
        self.asked = 0

    async def __call__(self, route: Route) -> None:
        self.asked += 1
        await route.fulfill(status=self.status, json={"announced": True, "neighbours": self.neighbours})


async def lobby_in(neighbourhood: Neighbourhood, demo: Site, browser: Browser) -> Page:
    page = await (await browser.new_context()).new_page()
    await page.clock.install()
    await page.route("**/ws/signaling/neighbours", neighbourhood)
    async with page.expect_response("**/ws/signaling/neighbours"):
        await page.goto(demo.url)
    return page


async def test_rooms_of_other_sidecars_are_links_with_the_name_of_their_project(demo: Site, browser: Browser) -> None:
    room = {"roomId": "Central Bar", "peers": 5, "capacity": 8}
    karl = {"name": "karls-app", "url": "https://192.168.1.7:5173/app/", "rooms": [room], "peers": 5}
    page = await lobby_in(Neighbourhood(karl), demo, browser)
    card = page.get_by_test_id("others-card")
    await expect(card).to_contain_text("Central Bar (5)")
    await expect(card).to_contain_text("karls-app, 192.168.1.7:5173")
    await expect(card).to_have_attribute("href", "https://192.168.1.7:5173/app/?room=Central+Bar")


async def test_untrusted_announcements_are_shown_as_text_or_not_at_all(demo: Site, browser: Browser) -> None:
    rooms = [{"roomId": "<img src=x onerror=alert(1)>", "peers": 1}, {"roomId": 7, "peers": 1}, None]
    neighbours = [
        {"name": "<b>bold</b>", "url": "http://192.168.1.7:1/", "rooms": rooms, "peers": 1},
        {"name": "evil", "url": "javascript:alert(1)", "rooms": [{"roomId": "evil", "peers": 1}], "peers": 1},
        {"name": "odd", "url": 7, "rooms": "none", "peers": 1},
    ]
    page = await lobby_in(Neighbourhood(*neighbours), demo, browser)
    card = page.get_by_test_id("others-card")
    await expect(card).to_have_count(1)
    await expect(card).to_contain_text("<img src=x onerror=alert(1)> (1)")
    await expect(card).to_contain_text("<b>bold</b>, 192.168.1.7:1")
    assert await card.locator("img, b").count() == 0


async def test_neighbours_are_requested_slowly_and_only_while_the_lobby_is_open(demo: Site, browser: Browser) -> None:
    neighbourhood = Neighbourhood()
    page = await lobby_in(neighbourhood, demo, browser)
    await expect(page.get_by_test_id("elsewhere")).to_be_hidden()
    async with page.expect_response("**/ws/signaling/neighbours"):
        await page.clock.run_for(POLL_S * 1_000)
    assert neighbourhood.asked == 2
    await page.get_by_test_id("room-card").first.click()
    await page.clock.run_for(10 * POLL_S * 1_000)
    async with page.expect_response("**/ws/signaling/neighbours"):
        await page.get_by_test_id("leave").click()
    assert neighbourhood.asked == 3


async def test_a_sidecar_without_this_endpoint_is_not_requested_again(demo: Site, browser: Browser) -> None:
    neighbourhood = Neighbourhood(status=404)
    page = await lobby_in(neighbourhood, demo, browser)
    await page.clock.run_for(10 * POLL_S * 1_000)
    await expect(page.get_by_test_id("elsewhere")).to_be_hidden()
    assert neighbourhood.asked == 1
