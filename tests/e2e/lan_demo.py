"""The demo app on a LAN, used by a person at a laptop and a person with a phone."""

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

CLICK_THROUGH = {"ignore_https_errors": True}  # the user's clicks after the warning about the certificate
PHONE: dict[str, Any] = {
    **CLICK_THROUGH,
    "viewport": {"width": 412, "height": 839},
    "is_mobile": True,
    "has_touch": True,
}


async def start_lan_demo(host: Host, start: Start, home: Path, env: Mapping[str, str] = MappingProxyType({})) -> Site:
    """Start the demo app on the host as `npm run dev:lan` does, with its state and cache in this folder."""
    own = {"XDG_STATE_HOME": str(home), "XDG_CACHE_HOME": str(home)}
    return await start_demo(host.starting(start), {**own, **env}, ["--mode", "lan"])


async def new_phone(browser: Browser) -> DemoPage:
    """Open a page on a phone, for a person who enters no name."""
    return await new_page(browser, "", **PHONE)


async def waits(person: DemoPage, url: str, room: str) -> None:
    """Let a person join an empty room."""
    await person.open(url)
    await person.page.goto(f"{url}?room={room}")
    await person.page.wait_for_function("window.demo?.client.joined")


async def comes(person: DemoPage, url: str, room: str) -> None:
    """Let a person open the URL, see the room with one peer, and tap it."""
    await person.page.goto(url)
    await expect(person.room_card(room)).to_contain_text("1")
    await person.room_card(room).tap()
    await takes_name(person)


async def takes_name(person: DemoPage) -> None:
    """Set `person.name` to the name that the page has invented."""
    person.name = await person.page.locator("[data-self=true]").get_by_test_id("tile-name").inner_text()


async def talk(one: DemoPage, other: DemoPage, when: str = "now") -> None:
    """Wait until the two are connected, and let each send a chat line to the other."""
    await all_connected(one, other)
    for speaker, listener in ((one, other), (other, one)):
        await speaker.say(f"{speaker.name} {when}")
        await listener.reads(f"{speaker.name} {when}")
