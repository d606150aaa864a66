"""Firefox and Chromium connect to each other. Tests with only one of them are in test_main_job.py."""

from __future__ import annotations

from itertools import permutations

from playwright.async_api import Browser

from tests.e2e.demo_page import all_connected, meet, new_page
from tests.kit.sites import Site


async def test_firefox_and_chromium_connect_in_either_order_and_after_reloads(
    demo: Site, firefox: Browser, browser: Browser
) -> None:
    people = [await new_page(firefox, "Ann"), await new_page(browser, "Ben"), await new_page(firefox, "Cleo")]
    await meet(demo.url, "bar", *people)
    for one in people:
        before = await one.peer_id()
        await one.page.reload()
        await all_connected(*people)
        assert await one.peer_id() == before
        await one.say(f"{one.name} is back")
    for one, other in permutations(people, 2):
        await one.say(f"from {one.name} before {other.name}")
        await other.reads(f"from {one.name} before {other.name}")
    assert [person.faults for person in people] == [[], [], []]
