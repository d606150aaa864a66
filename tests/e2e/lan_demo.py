"""The demo app on a LAN, and the people there: one at a laptop, one with a phone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from playwright.async_api import Browser, expect

from tests.e2e.demo_page import DemoPage, all_connected, new_page
from tests.kit.lan import Host
from tests.kit.programs import Start
from tests.kit.sites import Site, start_demo

CLICK_THROUGH = {"ignore_https_errors": True}  # "Advanced", "Proceed": nobody vouches for a dev server's certificate
PHONE: dict[str, Any] = {
    **CLICK_THROUGH,
    "viewport": {"width": 412, "height": 839},
    "is_mobile": True,
    "has_touch": True,
}


async def start_lan_demo(host: Host, start: Start, home: Path, env: Mapping[str, str] = MappingProxyType({})) -> Site:
    """`npm run dev:lan` on the host, by somebody with this home."""
    own = {"XDG_STATE_HOME": str(home), "XDG_CACHE_HOME": str(home)}
    return await start_demo(host.starting(start), {**own, **env}, ["--mode", "lan"])


async def new_phone(browser: Browser) -> DemoPage:
    """Of somebody who types no name."""
    return await new_page(browser, "", **PHONE)


async def waits(person: DemoPage, url: str, room: str) -> None:
    """Somebody is the first in the room."""
    await person.open(url)
    await person.page.goto(f"{url}?room={room}")
    await person.page.wait_for_function("demo.client.joined")


async def comes(person: DemoPage, url: str, room: str) -> None:
    """Somebody opens the URL, sees the room, in which one is, and taps it."""
    await person.page.goto(url)
    await expect(person.room_card(room)).to_contain_text("1")
    await person.room_card(room).tap()
    await takes_name(person)


async def takes_name(person: DemoPage) -> None:
    """That which the page gives to somebody who has said none."""
    person.name = await person.page.locator("[data-self=true]").get_by_test_id("tile-name").inner_text()


async def talk(one: DemoPage, other: DemoPage, when: str = "now") -> None:
    """Both ways, from browser to browser."""
    await all_connected(one, other)
    for speaker, listener in ((one, other), (other, one)):
        await speaker.say(f"{speaker.name} {when}")
        await listener.reads(f"{speaker.name} {when}")
