"""Browsers connect to each other with the sidecar behind Vite: two of Chromium, two of Firefox, and one of each."""

from __future__ import annotations

from itertools import permutations

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.demo_page import AT_ONCE_MS, all_connected, meet, new_page
from tests.kit.sites import Site


@pytest.fixture
def demo(shared_demo: Site) -> Site:
    return shared_demo


@pytest.fixture(params=["browser_with_camera", "firefox"], ids=["Chromium", "Firefox"])
def either(request: pytest.FixtureRequest) -> Browser:
    """A browser with a camera and a microphone that every page may use."""
    found: Browser = request.getfixturevalue(request.param)
    return found


async def test_two_people_meet_with_one_click_each_then_again_after_one_has_left_and_see_each_other(
    demo: Site, either: Browser
) -> None:
    """This is one test, because opening two pages of Firefox takes several times as long as the rest."""
    ann = await new_page(either, "Ann")
    await ann.open(demo.url)
    await ann.join("bar")
    await expect(ann.page.get_by_test_id("waiting")).to_be_visible()
    ben = await new_page(either, "Ben")
    await ben.open(demo.url)
    await expect(ben.room_card("bar")).to_contain_text("1")
    await ben.join("bar")
    await ann.reads("Ben joined")
    await all_connected(ann, ben)
    await ann.say("hi Ben")
    await ben.reads("hi Ben")
    await ben.say("hello Ann")
    await ann.reads("hello Ann")

    await ben.leave()
    await ann.reads("Ben left", within_ms=AT_ONCE_MS)
    await expect(ann.tile("Ben")).to_have_count(0)
    await ben.join("bar")
    await all_connected(ann, ben)

    for person in (ann, ben):
        await person.turn_camera_on()
    for one, other in permutations((ann, ben), 2):
        video = one.tile(other.name).locator("video")
        await expect(video).to_be_visible()
        await one.page.wait_for_function("video => video.videoWidth > 0", arg=await video.element_handle())
    assert ann.faults == ben.faults == []


async def test_three_pages_of_firefox_and_chromium_are_a_full_mesh_in_either_order_and_after_reloads(
    demo: Site, firefox: Browser, browser: Browser
) -> None:
    people = [await new_page(firefox, "Ann"), await new_page(browser, "Ben"), await new_page(firefox, "Cleo")]
    await meet(demo.url, "bar", *people)
    for one in people:
        others = [person for person in people if person is not one]
        for other in others:
            await other.keep_connection_to(one)
        before = await one.peer_id()
        await one.page.reload()
        await all_connected(*people)
        assert await one.peer_id() == before
        assert not any([await other.has_kept_connection_to(one) for other in others])
        await one.say(f"{one.name} is back")
        for other in others:
            await other.reads(f"{one.name} is back")
    for one, other in permutations(people, 2):
        await one.say(f"from {one.name} before {other.name}")
        await other.reads(f"from {one.name} before {other.name}")
    assert [person.faults for person in people] == [[], [], []]
