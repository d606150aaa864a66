"""Pairs of pages of a plain app that are connected, although their signaling is unusual."""

from __future__ import annotations

from playwright.async_api import Page

from tests.e2e.plain_pages import Case, PlainPages
from tests.e2e.reported_verdicts import HEALTHY

FAILS_WITHIN_MS = 60_000  # Chromium needs about 20 s to notice that the other page is closed


async def candidates_that_come_late(pages: PlainPages, room: str) -> None:
    await pages.pair(room, trickles=3000)


async def a_slow_newcomer(pages: PlainPages, room: str) -> None:
    await pages.open(room, "ann")
    await pages.open(room, "ben", holds=3000, trickles=3500)


async def candidates_of_one_side_lost(pages: PlainPages, room: str) -> None:
    """The candidates of the other peer are enough, because ICE learns unknown addresses from incoming checks."""
    await pages.open(room, "ann")
    await pages.open(room, "ben", holds=500)


async def crossing_offers_of_which_one_gives_way(pages: PlainPages, room: str) -> None:
    await pages.open(room, "ann", calls="both", holds=500, trickles=2000)
    await pages.open(room, "ben", calls="both", holds=500, trickles=2000, busy="ignores")


async def a_pair_of_a_mesh(pages: PlainPages, room: str) -> None:
    await pages.pair(room, dialect="mesh")


async def a_pair_on_an_insecure_page(pages: PlainPages, room: str) -> None:
    await pages.pair(room, secure=False)


async def a_page_that_is_closed_when_they_were_connected(pages: PlainPages, room: str) -> None:
    ann, ben = await pages.pair(room)
    await state_of(ann, "connected")
    await ben.close()
    await state_of(ann, "failed")


async def state_of(page: Page, state: str) -> None:
    """Wait until a connection of the page has this state."""
    has_it = "state => [...app.connections.values()].some(pc => pc.connectionState === state)"
    await page.wait_for_function(has_it, arg=state, timeout=FAILS_WITHIN_MS)


GAVE_WAY = "both sent an offer at the same time; that of ben was answered"
HEALTHY_PAIRS = [
    Case(candidates_that_come_late, HEALTHY),
    Case(a_slow_newcomer, HEALTHY),
    Case(candidates_of_one_side_lost, HEALTHY._replace(words="ben sent candidates before its description")),
    Case(crossing_offers_of_which_one_gives_way, HEALTHY._replace(words=GAVE_WAY)),
    Case(a_pair_of_a_mesh, HEALTHY),
    Case(a_pair_on_an_insecure_page, HEALTHY),
    Case(a_page_that_is_closed_when_they_were_connected, HEALTHY._replace(words="until ben left")),
]
