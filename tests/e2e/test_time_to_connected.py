"""Measures the time from page load to connected on one machine. test_a_phone_on_the_lan.py measures it on a phone."""

from __future__ import annotations

from playwright.async_api import Browser

from tests.e2e.demo_page import in_room
from tests.e2e.time_to_connected import in_words, times_to_connected_ms
from tests.kit.sites import Site

RUNS = 5


async def test_the_time_from_page_load_to_connected_is_printed(
    demo: Site, browser: Browser, measured: list[str]
) -> None:
    await in_room(browser, demo.url, "bar", "Ann")
    measured.append(in_words(await times_to_connected_ms(browser, f"{demo.url}?room=bar", RUNS)))
