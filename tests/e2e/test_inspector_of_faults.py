"""The inspector shows each fault of the second notebook as soon as the log shows it, and tells the user what to do.

Vite, the browsers with the inspector, and the three pages of a healthy room are real. The peers with faults replay
frames that real browsers have sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Playwright, expect

from signaling_sidecar.diagnosis import Reason, next_step
from signaling_sidecar.diagnosis.reasons import SIGNALING_WITHIN_S, TRANSPORT_WITHIN_S
from tests.e2e.changed_frames import enter
from tests.e2e.demo_page import new_page
from tests.e2e.replayed_pairs import recorded_rooms, replay
from tests.e2e.reported_verdicts import entries_of, verdicts_of
from tests.kit.browsers import SharedBrowsers, launched
from tests.kit.sites import Sidecar, Site

WINDOW: Any = {"width": 1280, "height": 800}
SHOWN_WITHIN_S = 60  # seconds; the latest verdicts take 15 s after the peers have met
# Waits until the verdict with these texts and a marked row of the ladder are in the visible part of the page. Resolves
# to the time at which they were visible, and the kinds of all marked rows.
SHOWN = """(texts) => new Promise((resolve) => {
  const isWithin = (element, { top, bottom }) => {
    const box = element.getBoundingClientRect()
    return box.height > 0 && box.top >= top && box.bottom <= bottom
  }
  new MutationObserver(() => {
    const [verdict, list] = [document.querySelector('#verdict'), document.querySelector('#ladder-list')]
    const rows = [...list.querySelectorAll('.marked')]
    const isSaid = texts.every((text) => verdict.textContent.includes(text))
    if (!isSaid || !isWithin(verdict, { top: 0, bottom: innerHeight })) return
    if (!rows.some((row) => isWithin(row, list.getBoundingClientRect()))) return
    resolve([Date.now() / 1000, rows.map((row) => row.dataset.kind)])
  }).observe(document.body, { subtree: true, childList: true, attributes: true })
})"""


class Screen(NamedTuple):
    page: Page
    shown: asyncio.Task[tuple[float, list[str]]]
    """A task that ends when the fault is visible on the page. It returns the time of this moment, and the kinds of the
    marked rows."""


class Fault(NamedTuple):
    sentence: str
    kinds: list[str]
    """The kinds of the ladder's rows that are the evidence of the fault."""


FAULTS = {
    Reason.OFFER_UNANSWERED: Fault("Ann has not answered the offer of Ben", ["offer"]),
    Reason.NO_CANDIDATES: Fault("the offer was answered, but neither has sent a candidate", ["offer", "answer"]),
    Reason.DTLS_FAILED: Fault(
        "ICE found a path, but the DTLS handshake failed: a fingerprint or certificate does not match", ["failed"]
    ),
    Reason.ONLY_MDNS: Fault("both sent only .local addresses, which the other could not resolve", ["offer", "answer"]),
    Reason.SUBNETS: Fault(
        "they are in different networks without a route between them: Ann in 192.168.231.0/24, Ben in 10.231.0.0/24",
        ["offer", "answer"],
    ),
    Reason.ICE_FAILED: Fault("ICE found no path between them", ["offer", "answer"]),
    Reason.RELAY_ONLY: Fault(
        "Ann may use only relay candidates (iceTransportPolicy), and found none", ["offer", "answer"]
    ),
}
"""Maps each reason to the fault that causes it. The reasons are also the names of the rooms in the recorded log."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def screens(
    running_demo: Site, browsers: SharedBrowsers, playwright: Playwright, browser_path: Path
) -> AsyncIterator[dict[Reason, Screen]]:
    """For each fault, an inspector that shows its room.

    All faults happen at the same time, after these pages were opened.
    """
    rooms = recorded_rooms()
    async with AsyncExitStack() as stack:
        browser = await stack.enter_async_context(
            browsers.lent("Chromium", partial(launched, playwright, browser_path))
        )
        session = await stack.enter_async_context(aiohttp.ClientSession())
        screens = {}
        for reason, fault in FAULTS.items():
            page = await inspector(browser, running_demo, reason, "ladder")
            texts = [f"Ann and Ben: {fault.sentence}", f"What to do: {next_step(reason)}"]
            screens[reason] = Screen(page, asyncio.create_task(page.evaluate(SHOWN, texts)))
        replays = [asyncio.create_task(replay(running_demo, session, rooms[reason])) for reason in FAULTS]
        yield screens
        for each in (*replays, *(screen.shown for screen in screens.values())):
            each.cancel()


async def inspector(browser: Browser, site: Site, room: str, view: str) -> Page:
    """Open an inspector in a separate window, because a hidden tab does not request updates."""
    window = await browser.new_context(viewport=WINDOW)
    page = await window.new_page()
    await page.goto(f"{site.url}__signaling/?{urlencode({'room': room, 'view': view})}")
    await expect(page.locator("#room-missing")).to_be_visible()
    return page


@pytest.mark.parametrize("reason", FAULTS)
async def test_the_sentence_the_arrow_and_the_next_step_are_on_the_screen(
    reason: Reason, screens: dict[Reason, Screen], running_demo: Site, measured: list[str]
) -> None:
    page, shown = screens[reason]
    shown_ts, kinds = await asyncio.wait_for(shown, SHOWN_WITHIN_S)
    await expect(page.locator("#summary")).to_have_text("The two peers are not connected.")
    assert kinds[: len(FAULTS[reason].kinds)] == FAULTS[reason].kinds
    late_s = shown_ts - known_ts(running_demo.sidecar, reason)
    measured.append(f"the inspector shows {reason}: {late_s:.2f} s after the log does")
    await page.goto("about:blank")  # a page that nobody looks at any more would still be drawn after each record


def known_ts(sidecar: Sidecar, reason: Reason) -> float:
    """The first moment at which the diagnosis of the room's records names the fault."""
    entries = [entry for entry in entries_of(sidecar) if entry.room == reason]
    waits = (0.0, SIGNALING_WITHIN_S, TRANSPORT_WITHIN_S)
    for ts in sorted(entry.ts + wait + 0.001 for entry in entries for wait in waits):
        found = verdicts_of([entry for entry in entries if entry.ts <= ts], [reason], ts)
        if any(verdict.finding.reason is reason for verdict in found):
            return ts
    raise AssertionError(f"the log does not show {reason}")


async def test_a_healthy_room_of_three_is_seen_at_a_glance(screens: dict[Reason, Screen], running_demo: Site) -> None:
    browser = screens[Reason.ICE_FAILED].page.context.browser
    assert browser is not None
    page = await inspector(browser, running_demo, "healthy", "mesh")
    await enter([await new_page(browser, name) for name in ("Ann", "Ben", "Cleo")], running_demo, "healthy")
    await expect(page.locator("#summary")).to_have_text("All 3 pairs are connected.")
    pairs = ["✓ connectedAnn and Ben: ", "✓ connectedAnn and Cleo: ", "✓ connectedBen and Cleo: "]
    await expect(page.locator("#pairs li")).to_contain_text(pairs)
    await expect(page.locator("#mesh text[font-weight]")).to_have_text(["Ann", "Ben", "Cleo"])
    await expect(page.locator("#mesh")).to_contain_text("connected 3")
