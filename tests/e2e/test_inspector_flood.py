"""The page of the inspector stays small and up to date during a flood of records, and continues after a restart."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Browser, expect

from signaling_sidecar.eventlog.segment_text import whole_lines
from signaling_sidecar.eventlog.segments import find_segments
from tests.e2e.inspector_page import admin_token, ask, open_inspector
from tests.e2e.plain_peers import Join
from tests.kit.light_client import Client, masked
from tests.kit.programs import Start
from tests.kit.sites import Sidecar, start_sidecar, write_project

RECORDS = 100_000  # 25 MB, which is more than the part of the log that the inspector reads
A_SCREEN = 200  # the highest number of rows that the page may have in its DOM
BURST = 1000  # signals
SIZES = 7  # different sizes of signals
BURST_WITHIN_S = 30  # seconds; two slow cores may be busy with the browsers of other tests
COMES_BACK_MS = 30_000  # ms; the sidecar has to start

# Stores the times between consecutive animation frames of the page, in milliseconds.
WATCH_FRAMES = """() => {
  window.gaps = []
  const frame = (before) => requestAnimationFrame((now) => {
    window.gaps.push(now - before)
    frame(now)
  })
  requestAnimationFrame(frame)
}"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "app", "")


async def flood(ann: Client, ben: Client, signals: int) -> AsyncIterator[int]:
    """Let Ann send signals to Ben, each of which becomes a record. Yields the number of signals after each burst."""
    all_arrived = asyncio.Event()

    def arrived(count: int) -> None:
        if ben.received == expected:
            all_arrived.set()

    ben.count_only(arrived)
    # The signals have different sizes, because equal ones would share a row.
    burst = b"".join(masked({"type": "signal", "to": "ben", "more": "x" * (number % SIZES)}) for number in range(BURST))
    for begun in range(0, signals, BURST):
        expected = ben.received + BURST
        all_arrived.clear()
        ann.write(burst)
        async with asyncio.timeout(BURST_WITHIN_S):
            await all_arrived.wait()
        yield begun + BURST


@asynccontextmanager
async def in_the_bar(sidecar: Sidecar, peer: str) -> AsyncIterator[Client]:
    client = Client("/ws/signaling")
    await asyncio.get_running_loop().create_connection(lambda: client, "127.0.0.1", urlsplit(sidecar.url).port)
    await client.opened()
    client.write(masked({"type": "join", "roomId": "bar", "peerId": peer}))
    await client.hears({"type": "peer_list"})
    yield client
    client.transport.close()
    await client.lost


async def test_a_hundred_thousand_records_need_no_more_elements_than_a_screen(
    browser: Browser, start: Start, project: Path, measured: list[str]
) -> None:
    sidecar = await start_sidecar(start, project, ["--max-frames-per-s", "1000000"])
    inspector = await open_inspector(browser, sidecar)
    page, rows = inspector.page, inspector.rows("records")
    async with (
        in_the_bar(sidecar, "ann") as ann,
        in_the_bar(sidecar, "ben") as ben,
        aclosing(flood(ann, ben, RECORDS)) as bursts,
    ):
        async for sent in bursts:
            if sent == BURST:
                await inspector.open(room="bar", view="records")
                await expect(rows.first).to_be_visible()
                await page.evaluate(WATCH_FRAMES)
            if sent % (RECORDS // 4) == 0:
                assert await page.evaluate("document.querySelectorAll('[role=option]').length") <= A_SCREEN
                await expect(page.locator("#records-state")).to_have_text("Following")
        gaps = sorted(await page.evaluate("gaps"))
        measured.append(
            f"of {len(gaps)} frames, 95 % came within {gaps[len(gaps) * 95 // 100]:.0f} ms, all in {gaps[-1]:.0f}"
        )
        await expect(rows.last).to_have_text(re.compile(f"^{newest(sidecar)}"))
    await inspector.page.locator("#records-list").hover()
    await inspector.page.mouse.wheel(0, -RECORDS * 100)
    await expect(page.locator("#records-state")).to_have_text("Paused")
    await expect(rows.first).not_to_have_text("loading")
    assert await page.evaluate("document.querySelectorAll('[role=option]').length") <= A_SCREEN
    assert inspector.faults == []


# The promise resolves when the rows in the middle are drawn.
SCROLL_TO_THE_MIDDLE = """list => {
  list.scrollTop = list.scrollHeight / 2 + 7
  return new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))
}"""

# For each visible row below the list's head: the number of its record, and its distance from the head.
SEEN = """list => {
  const top = list.querySelector('.list-head').getBoundingClientRect().bottom
  const { bottom } = list.getBoundingClientRect()
  const rows = [...list.querySelectorAll('[role=option]')].map(row => [row, row.getBoundingClientRect()])
  return rows
    .filter(([row, at]) => at.top >= top && at.bottom <= bottom)
    .map(([row, at]) => [row.shown?.seq ?? row.textContent, Math.round(at.top - top)])
    .sort((one, other) => one[1] - other[1])
}"""


@pytest.mark.parametrize("view", ["ladder", "records"])
async def test_a_paused_list_stays_where_it_is_while_the_oldest_records_are_forgotten(
    browser: Browser, start: Start, project: Path, join: Join, view: str
) -> None:
    sidecar = await start_sidecar(start, project, ["--log-segment-bytes", "1000000", "--max-frames-per-s", "1000000"])
    ann, ben = await join(sidecar, "bar", "ann"), await join(sidecar, "bar", "ben")

    async def send(signals: int) -> tuple[int, str]:
        """
        Send large signals, because a few of them fill the part of the log that the inspector reads. Returns the number
        of the oldest record that the inspector still shows, and the number of its rows as text.
        """
        for _ in range(signals):
            await ann.send_json({"type": "offer", "to": "ben", "sdp": "x" * 60_000})
            await ben.receive_json()
        last = newest(sidecar)
        # Wait until the inspector's part of the sidecar has read the last record from the log.
        while (found := await answer())["seq"] < last:  # noqa: ASYNC110 - no event to wait for
            await asyncio.sleep(0.1)  # with a shorter pause, answers would take most of the CPU time
        return found["rows"][0]["seq"], f"{found['total']} rows"

    async def answer() -> Any:
        return await asyncio.to_thread(ask, sidecar, "GET", f"inspector/rooms/rooms/bar/{view}?count=1")

    first, _ = await send(200)
    inspector = await open_inspector(browser, sidecar)
    page, rows = inspector.page, inspector.page.locator(f"#{view}-list")
    await inspector.open(room="bar", view=view)
    await expect(inspector.rows(view).last).to_be_visible()
    await rows.focus()
    await page.keyboard.press("PageUp")
    await expect(page.locator(f"#{view}-state")).to_have_text("Paused")
    await rows.evaluate(SCROLL_TO_THE_MIDDLE)
    await expect(inspector.rows(view).filter(has_text="loading")).to_have_count(0)
    seen = await rows.evaluate(SEEN)
    assert len(seen) > 5
    # The sidecar first forgets rows above the visible ones, then the visible rows, and finally all rows that the page
    # has.
    for forgotten in (first, seen[-1][0], newest(sidecar)):
        while first <= forgotten:
            first, count = await send(20)
        await expect(page.locator(f"[data-panel={view}] .cut")).to_contain_text("Earlier records than")
        await expect(page.locator(f"#{view}-count")).to_have_text(count)
        assert await rows.evaluate(SEEN) == seen
    await rows.focus()
    await page.keyboard.press("End")
    await expect(page.locator(f"#{view}-state")).to_have_text("Following")
    await page.keyboard.press("Home")
    await expect(inspector.rows(view).filter(has_text="loading")).to_have_count(0)
    numbers = [seq for seq, _ in await rows.evaluate(SEEN)]
    assert numbers == list(range(first, first + len(numbers)))
    assert inspector.faults == []


def newest(sidecar: Sidecar) -> int:
    """The number of the last record of the room in the log."""
    # Usually, only the last segment is read, because reading all records takes seconds.
    segments = reversed(find_segments(sidecar.state_dir).segments)
    records = (json.loads(line) for segment in segments for line in reversed(whole_lines(segment).splitlines()))
    number: int = next(record["seq"] for record in records if record.get("room") == "bar")
    return number


async def test_the_page_says_that_the_sidecar_is_gone_and_goes_on_when_it_is_back(
    browser: Browser, start: Start, project: Path, join: Join
) -> None:
    sidecar = await start_sidecar(start, project)
    await join(sidecar, "bar", "ann")
    inspector = await open_inspector(browser, sidecar)
    page = inspector.page
    await inspector.open(room="bar", view="ladder")
    await inspector.rows("ladder").first.click()
    await expect(page.locator("#payload")).to_be_visible()
    sidecar.program.process.send_signal(signal.SIGKILL)
    await expect(page.locator("#state")).to_have_text("no connection")
    await expect(page.locator("#down")).to_contain_text("The server of this page does not answer.")
    again = await start_sidecar(start, project, ["--port", sidecar.url.rpartition(":")[2]])
    # Without the plugin, the page still uses the admin token of the run that has ended.
    await expect(page.locator("#down code")).to_have_text("sidecar inspect", timeout=COMES_BACK_MS)
    await page.context.set_extra_http_headers({"Authorization": f"Bearer {admin_token(again)}"})
    await expect(page.locator("#state")).to_have_text("live", timeout=COMES_BACK_MS)
    await expect(page.locator("#down")).to_be_hidden()
    await join(again, "bar", "ben")
    await expect(inspector.rows("ladder").filter(has_text="ben: joins").first).to_be_visible()
    # The record that was open belongs to the run that has ended. The list shows the newest messages again.
    assert "seq" not in parse_qs(urlsplit(page.url).query)
    await expect(page.locator("#ladder-state")).to_have_text("Following")
    await expect(page.locator("#ladder-list .open")).to_have_count(0)
