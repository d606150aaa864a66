"""The WebRTC dumps of Chromium show whether two pairs of peers were connected, even if their pages report nothing.

With `make record`, this test also saves the log and the dumps for the unit tests.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from signaling_sidecar.diagnosis import Reason
from signaling_sidecar.inspection import EventLog, open_dump, open_log
from tests.e2e.changed_frames import (
    Change,
    Frame,
    a_pair,
    changed,
    enter,
    with_another_fingerprint,
)
from tests.e2e.demo_page import all_connected
from tests.e2e.recording import end, record
from tests.e2e.reported_verdicts import NAMED_WITHIN_S
from tests.kit.sites import Site

RECORDED = "browser-dumps"
BUTTONS = {
    "webrtc_internals_dump.gz": "#dump-click-target",
    "rtcstats_dump.gz": "#dump-click-target-rtcstats",
}
"""Maps the name of each downloaded dump to the selector of its download button on `chrome://webrtc-internals`."""
PAIRS = {Reason.CONNECTED: None, Reason.DTLS_FAILED: with_another_fingerprint}
"""Maps the reason that the dumps must show to the change of frames that causes it. The reason is also the name of the
pair's room."""


async def internals(browser: Browser) -> Page:
    """Open the page `chrome://webrtc-internals`, which from now on records the connections of all other pages."""
    page = await (await browser.new_context()).new_page()
    await page.goto("chrome://webrtc-internals")
    await page.locator("details", has=page.locator("#dump")).evaluate("details => { details.open = true }")
    return page


async def download(recorder: Page, folder: Path) -> list[Path]:
    """Save the current state of both dumps."""
    for name, button in BUTTONS.items():
        async with recorder.expect_download() as download:
            await recorder.locator(button).click()
        await (await download.value).save_as(folder / name)
    return [folder / name for name in BUTTONS]


def reporting_nothing(change: Change | None) -> Change:
    """Remove the content of the pages' reports, but keep the frames and their numbers."""

    def changed_frame(frame: Frame, side: int) -> Frame:
        if frame["type"] == "trace":
            return {name: value for name, value in frame.items() if name in ("type", "c")} | {"event": "page"}
        return frame if change is None else change(frame, side)

    return changed_frame


async def meet_in_two_rooms(browser: Browser, demo: Site) -> None:
    for reason, change in PAIRS.items():
        people = await a_pair(browser)
        for side, person in enumerate(people):
            await changed(person, side, reporting_nothing(change))
        await enter(people, demo, reason)
        if change is None:
            await all_connected(*people)


def reasons(log: EventLog) -> dict[str, str]:
    return dict(zip(log.pairs["room"], log.pairs["reason"], strict=True))


async def dumps_that_name(recorder: Page, folder: Path, demo: Site) -> list[Path]:
    """Download the dumps until they show the expected reasons.

    A dump does not contain finished attempts, so it shows no failure while a page is between two attempts.
    """
    expected = {str(reason): str(reason) for reason in PAIRS}
    found: list[dict[str, str]] = []
    for _ in range(NAMED_WITHIN_S):
        dumps = await download(recorder, folder)
        log = open_log(demo.sidecar.state_dir)
        found = [reasons(log.with_dump(open_dump(path))) for path in dumps]
        if found == [expected] * len(dumps):
            return dumps
        await asyncio.sleep(1)
    raise AssertionError(f"not named within {NAMED_WITHIN_S} s, but {found}")


async def test_a_dump_shows_the_result_that_the_signaling_does_not_contain(
    demo: Site, full_browser: Browser, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    recorder = await internals(full_browser)
    await meet_in_two_rooms(full_browser, demo)
    dumps = await dumps_that_name(recorder, tmp_path, demo)
    await end(demo)
    log = open_log(demo.sidecar.state_dir)
    assert set(log.pairs["reason"]) == set(log.pairs["signaling"]) == {Reason.UNKNOWN}
    for path in dumps:
        joined = log.with_dump(open_dump(path))
        assert set(joined.pairs["signaling"]) == {Reason.UNKNOWN}
        assert "✓ Ann and Ben: connected (host to " in str(joined.diagnose("connected"))  # `host` or `prflx`
        (clock,) = joined.clocks.to_dict("records")
        assert clock["at_least_s"] <= 0 <= clock["at_most_s"], "browser and sidecar have the same clock here"
        assert clock["matches"] >= 2 * len(PAIRS), "at least an offer and an answer of each"
    record(demo, request.config, RECORDED)
    recorded = request.config.getoption("record_logs")
    if recorded is not None:
        for path in dumps:
            shutil.copy(path, recorded / RECORDED)
