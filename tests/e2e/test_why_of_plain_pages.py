"""The diagnosis of real browsers with a plain app finds faults, and does not report harmless behaviour as a fault.

The environment variable SOAK_TIMES is the number of times that each fault is caused (`make soak-why`).
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Playwright

from signaling_sidecar.diagnosis import diagnose
from tests.e2e.plain_faults import FAULTS, REJECTIONS
from tests.e2e.plain_pages import FLAGS, PlainPages, start_plain_app
from tests.e2e.plain_pairs import HEALTHY_PAIRS
from tests.e2e.reported_verdicts import TIMES, Made, Tally, all_named, entries_of, is_named, verdicts_of
from tests.kit.browsers import launched
from tests.kit.programs import Start, until
from tests.kit.sites import Sidecar, Site


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def plain_browser(playwright: Playwright, browser_path: Path) -> AsyncIterator[Browser]:
    async with launched(playwright, browser_path, FLAGS) as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(start_once: Start, npm_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return await start_plain_app(start_once, tmp_path_factory.mktemp("plain"))


async def test_each_fault_is_diagnosed_and_no_working_pair_is_blamed(
    site: Site, plain_browser: Browser, tally: Tally
) -> None:
    everything: dict[str | None, Made] = {}
    for round_ in range(TIMES):
        since_ts = time.time()
        pages = PlainPages(site, await plain_browser.new_context())
        cases = [*FAULTS, *HEALTHY_PAIRS]
        expected = {f"{make.__name__}-{round_}": Made(make.__name__, wanted) for make, wanted in cases}
        for make, _ in cases:
            await make(pages, f"{make.__name__}-{round_}")
        named_ts = await all_named(site.sidecar, expected)
        tally.judge(site.sidecar, expected, since_ts, named_ts)
        everything |= expected
        await pages.window.close()
    assert tally.all_wrong == {}
    assert set(tally.made.values()) == {TIMES}
    # A busy browser may close a page without a Close frame. Its session then ends only after 30 s.
    await until(lambda: ended_rooms(site.sidecar) >= set(everything), "all have left", within_s=60)
    verdicts = verdicts_of(entries_of(site.sidecar), everything, time.time())
    assert [each.sentence for each in verdicts if not is_named(everything[each.meeting.room].expected, each)] == []


def ended_rooms(sidecar: Sidecar) -> set[str | None]:
    return {entry.room for entry in entries_of(sidecar) if entry.type == "room.ended"}


async def test_a_peer_that_meets_nobody_gets_an_explanation(site: Site, plain_browser: Browser, tally: Tally) -> None:
    def all_told() -> list[str]:
        return [each.code for each in diagnose(entries_of(site.sidecar)).rejections]

    told = all_told()
    earlier = len(told)  # the rejections that the other test has caused

    def is_told() -> bool:
        told[:] = all_told()
        return len(told) == earlier + sum(tally.made.values()) + 1

    for round_ in range(TIMES):
        pages = PlainPages(site, await plain_browser.new_context())
        for code, make in REJECTIONS.items():
            await make(pages, f"{code}-{round_}")
            await until(is_told, f"why there is nobody for {make.__name__}")
            tally.count(code, [] if told[-1] == code else told[-1:])
        await pages.window.close()
    assert tally.all_wrong == {}
