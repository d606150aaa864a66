"""Pages that behave like clients of the Rust crate matchbox_socket, which cannot be built here, connect in groups."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from signaling_sidecar.eventlog.segments import find_segments
from signaling_sidecar.inspection import open_log
from tests.kit.programs import Start, until
from tests.kit.shared_copy import shared_copy
from tests.kit.sites import start_app

APP = Path(__file__).parent / "matchbox_app.js"


async def arrives(browser: Browser, url: str) -> Page:
    page = await (await browser.new_context()).new_page()
    await page.goto(url)
    await page.wait_for_selector("[data-id]", state="attached")
    return page


async def shown(page: Page, name: str) -> str | None:
    await page.wait_for_selector(f"[data-{name}]", state="attached")
    return await page.get_attribute("body", f"data-{name}")


@pytest.mark.usefixtures("npm_package")
async def test_every_two_pages_that_arrive_connect_to_each_other(
    start: Start, browser: Browser, tmp_path: Path
) -> None:
    app = await start_app(start, tmp_path, APP.read_text(), "Duel")
    pages = [await arrives(browser, app.url + query) for query in ("", "", "?trickle", "?trickle")]
    for one, other in ((0, 1), (1, 0), (2, 3), (3, 2)):
        assert await shown(pages[one], "heard") == f"hello from {await shown(pages[other], 'id')}"

    def is_said() -> bool:
        return list(open_log(app.sidecar.state_dir).pairs["reason"]) == ["connected", "connected"]

    await until(is_said, "their browsers have said that they are connected", within_s=30)
    log = open_log(app.sidecar.state_dir)
    assert list(log.pairs["room"]) == ["duel?next=2", "duel?next=2#2"]
    assert list(log.pairs["signaling"]) == ["transport-unknown"] * 2
    for room in ("duel?next=2", "duel?next=2#2"):
        drawn = [step.what for step in log.ladder(room).steps]
        assert drawn.index("Signal: offer") < drawn.index("Signal: answer")
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "events-b00t-0001.jsonl").write_bytes(shared_copy(*find_segments(app.sidecar.state_dir).segments))
    assert list(open_log(copy).pairs["reason"]) == ["connected", "connected"]
    assert not [record for record in app.sidecar.records() if record["type"] == "signal.refused"]

    await pages[0].close()
    assert await shown(pages[1], "left") == log.sessions["peer"][0]
