"""The page of the inspector stays small and up to date while very much happens, and comes back after a restart."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, expect

from signaling_sidecar.eventlog.segment_text import whole_lines
from signaling_sidecar.eventlog.segments import find_segments
from tests.e2e.inspector_page import admin_token, open_inspector
from tests.e2e.plain_peers import Join
from tests.kit.light_client import Client, masked
from tests.kit.programs import Start
from tests.kit.sites import Sidecar, start_sidecar, write_project

RECORDS = 200_000
A_SCREEN = 200  # rows that a page may have as elements, whatever the number of records
BURST = 1000  # signals
SIZES = 7  # different sizes of signals
BURST_WITHIN_S = 30  # seconds; two slow cores may be busy with the browsers of other tests
COMES_BACK_MS = 30_000  # ms; the sidecar has to start


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "app", "")


async def flood(ann: Client, ben: Client, signals: int) -> AsyncIterator[int]:
    """Let Ann send signals to Ben, each of which becomes a record. Yields their number after each burst."""
    all_arrived = asyncio.Event()

    def arrived(count: int) -> None:
        if ben.received == expected:
            all_arrived.set()

    ben.count_only(arrived)
    # Of different sizes, because equal signals share one row.
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


async def test_two_hundred_thousand_records_need_no_more_elements_than_a_screen(
    browser: Browser, start: Start, project: Path
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
            if sent % (RECORDS // 4) == 0:
                assert await page.evaluate("document.querySelectorAll('[role=option]').length") <= A_SCREEN
                await expect(page.locator("#records-state")).to_have_text("Following")
        await expect(rows.last).to_have_text(re.compile(f"^{newest(sidecar)}"))
    await inspector.page.locator("#records-list").evaluate("list => (list.scrollTop = 0)")
    await expect(page.locator("#records-state")).to_have_text("Paused")
    await expect(rows.first).not_to_have_text("loading")
    assert await page.evaluate("document.querySelectorAll('[role=option]').length") <= A_SCREEN
    assert inspector.faults == []


def newest(sidecar: Sidecar) -> int:
    """The number of the last record of the room."""
    # Only the last segment is read, because reading all records takes seconds.
    lines = whole_lines(find_segments(sidecar.state_dir).segments[-1]).splitlines()
    number: int = next(record["seq"] for record in map(json.loads, reversed(lines)) if record.get("room") == "bar")
    return number


async def test_the_page_says_that_the_sidecar_is_gone_and_goes_on_when_it_is_back(
    browser: Browser, start: Start, project: Path, join: Join
) -> None:
    sidecar = await start_sidecar(start, project)
    await join(sidecar, "bar", "ann")
    inspector = await open_inspector(browser, sidecar)
    page = inspector.page
    await inspector.open(room="bar", view="ladder")
    await expect(inspector.rows("ladder").first).to_be_visible()
    sidecar.program.process.send_signal(signal.SIGKILL)
    await expect(page.locator("#state")).to_have_text("no connection")
    await expect(page.locator("#down")).to_contain_text("does not answer")
    again = await start_sidecar(start, project, ["--port", sidecar.url.rpartition(":")[2]])
    # A page without the plugin has only the token of the run that has ended.
    await expect(page.locator("#down code")).to_have_text("sidecar inspect", timeout=COMES_BACK_MS)
    await page.context.set_extra_http_headers({"Authorization": f"Bearer {admin_token(again)}"})
    await expect(page.locator("#state")).to_have_text("live", timeout=COMES_BACK_MS)
    await expect(page.locator("#down")).to_be_hidden()
    await join(again, "bar", "ben")
    await expect(inspector.rows("ladder").filter(has_text="ben: joins").first).to_be_visible()
