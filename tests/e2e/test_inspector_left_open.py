"""The page of the inspector stays right and usable while it is open: when requests fail, and when rooms come and go."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Route, expect

from tests.e2e.inspector_page import Inspector, open_inspector
from tests.e2e.plain_peers import Join
from tests.kit.programs import Start
from tests.kit.receiving import PATIENCE_S
from tests.kit.sites import Sidecar, close_all_rooms, start_sidecar, write_project

MANY = 8  # rooms; from this number on, the page has a field to find a room
SIGN_OF_LIFE_MS = 20_000  # ms; the page is told every 10 s that nothing has changed
# In the page, time passes 25 times as fast, so that it gives up a request after a second.
FASTER = """
const { setTimeout: later, AbortSignal: { timeout } } = globalThis
globalThis.setTimeout = (act, ms, ...more) => later(act, ms / 25, ...more)
AbortSignal.timeout = (ms) => timeout.call(AbortSignal, ms / 25)
"""
COUNT_CHANGES = """() => {
  window.changes = 0
  const observer = new MutationObserver((found) => (window.changes += found.length))
  observer.observe(document.querySelector('[role=alert]'), { subtree: true, childList: true, characterData: true })
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(start_once: Start, tmp_path_factory: pytest.TempPathFactory) -> Sidecar:
    return await start_sidecar(start_once, write_project(tmp_path_factory.mktemp("left-open") / "app", ""))


@pytest.fixture
def sidecar(running: Sidecar) -> Sidecar:
    """The sidecar that all tests share. Its rooms are empty when a test begins."""
    close_all_rooms(running)
    return running


@pytest_asyncio.fixture(loop_scope="session")
async def inspector(browser: Browser, sidecar: Sidecar) -> Inspector:
    return await open_inspector(browser, sidecar)


async def test_one_of_many_rooms_is_found_by_its_name_and_the_field_stays_while_it_is_used(
    inspector: Inspector, sidecar: Sidecar, join: Join
) -> None:
    field = inspector.page.get_by_label("Find a room")
    for number in range(MANY - 1):
        await join(sidecar, f"find {number}", "ann")
    await inspector.open(view="rooms")
    await expect(inspector.room("find 0")).to_be_visible()
    await expect(field).to_be_hidden()
    await join(sidecar, "find me", "ann")
    await field.fill("FIND M")
    await expect(inspector.page.locator("#rooms li")).to_have_count(1)
    await expect(inspector.room("find me")).to_be_visible()
    assert inspector.faults == []


async def test_a_room_that_is_not_there_has_no_buttons_until_somebody_joins_it(
    inspector: Inspector, sidecar: Sidecar, join: Join
) -> None:
    page = inspector.page
    await inspector.open(room="later")
    await expect(page.locator("#room-missing")).to_be_visible()
    await expect(page.get_by_role("button")).to_have_count(0)
    await join(sidecar, "later", "ann")
    await page.get_by_role("button", name="Close room…").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Close the room later?")


async def test_the_button_says_that_nothing_was_copied_and_why(
    inspector: Inspector, sidecar: Sidecar, join: Join
) -> None:
    await join(sidecar, "copied", "ann")
    await inspector.open(room="copied")
    refused = {"code": "log-unreadable", "message": "the log is gone"}
    await inspector.page.route("**/markdown?*", lambda route: route.fulfill(status=503, json=refused))
    await inspector.page.get_by_role("button", name="Copy as Markdown for an issue").click()
    await expect(inspector.page.get_by_role("button", name="That was not copied: the log is gone")).to_be_visible()
    await expect(inspector.page.get_by_role("button", name="Copy as Markdown for an issue")).to_be_visible()


@pytest.mark.parametrize("seq", ["", "2"])
async def test_a_list_that_could_not_be_fetched_once_is_fetched_again_although_nothing_happens(
    inspector: Inspector, sidecar: Sidecar, join: Join, seq: str
) -> None:
    await join(sidecar, f"quiet{seq}", "ann")
    refused = {"code": "analysis-ended", "message": "it has ended"}
    await inspector.page.route("**/ladder?*", lambda route: route.fulfill(status=503, json=refused), times=1)
    await inspector.open(room=f"quiet{seq}", view="ladder", seq=seq)
    await expect(inspector.page.locator("#ladder-count")).to_have_text("Not up to date: it has ended")
    await expect(inspector.page.locator("#ladder-list")).to_contain_text("ann: joins", timeout=SIGN_OF_LIFE_MS)
    await expect(inspector.page.locator("#ladder-list .open")).to_have_count(1 if seq else 0)


async def test_a_room_stays_up_to_date_after_a_request_without_an_answer(
    inspector: Inspector, sidecar: Sidecar, join: Join
) -> None:
    await inspector.page.add_init_script(FASTER)
    await join(sidecar, "hung", "ann")
    await inspector.open(room="hung")
    await expect(inspector.page.locator("#peers li")).to_have_count(1)
    held: asyncio.Queue[Route] = asyncio.Queue()
    await inspector.page.route("**/inspector/rooms/**", held.put_nowait, times=1)
    await join(sidecar, "hung", "ben")
    async with asyncio.timeout(PATIENCE_S):
        unanswered = await held.get()
    await join(sidecar, "hung", "cat")
    await expect(inspector.page.locator("#peers li")).to_have_count(3)
    await expect(inspector.page.locator("#state")).to_have_text("live", timeout=SIGN_OF_LIFE_MS)
    await unanswered.abort()


async def test_a_room_that_the_sidecar_cannot_show_at_the_moment_is_not_told_as_a_lost_connection(
    inspector: Inspector, sidecar: Sidecar, join: Join
) -> None:
    await join(sidecar, "late", "ann")
    refused = {"code": "analysis-ended", "message": "the analysis is started again"}
    await inspector.page.route("**/inspector/rooms/**", lambda route: route.fulfill(status=503, json=refused))
    await inspector.open(room="late")
    await expect(inspector.page.locator("#down-why")).to_have_text("the analysis is started again.")
    await expect(inspector.page.locator("#state")).to_have_text("not up to date")


async def test_a_server_that_is_silent_is_told_in_the_same_words_as_one_that_is_gone(inspector: Inspector) -> None:
    await inspector.page.add_init_script(FASTER)
    held: list[Route] = []

    async def hold(route: Route) -> None:
        held.append(route)

    await inspector.page.route("**/inspector/changes", hold)
    await inspector.open()
    await expect(inspector.page.locator("#down-why")).to_have_text("The server of this page does not answer.")
    for unanswered in held:
        await unanswered.abort()


async def test_the_back_button_also_takes_the_filter_out_of_the_field_with_the_focus(
    inspector: Inspector, sidecar: Sidecar, join: Join
) -> None:
    ann = await join(sidecar, "filters", "ann")
    await join(sidecar, "filters", "ben")
    await ann.send_json({"type": "offer", "to": "ben", "sdp": "v=0\r\n"})
    page = inspector.page
    await inspector.open(room="filters", view="records")
    rows, panel = inspector.rows("records"), page.locator("[data-panel=records]")
    await expect(rows.filter(has_text="peer.joined")).to_have_count(2)
    await panel.get_by_label("Between").select_option("ann and ben")
    await panel.get_by_label("Type").fill("signal")
    await page.keyboard.press("Enter")
    await expect(rows).to_have_count(1)
    await page.go_back()
    await expect(panel.get_by_label("Type")).to_have_value("")
    await panel.get_by_label("Between").focus()
    await page.go_back()
    await expect(panel.get_by_label("Between")).to_have_value("")
    await expect(rows.filter(has_text="peer.joined")).to_have_count(2)
    assert inspector.faults == []


async def test_a_room_keeps_the_focus_when_another_one_changes_its_place_in_the_list(
    inspector: Inspector, sidecar: Sidecar, join: Join
) -> None:
    ann = await join(sidecar, "z moves", "ann")
    await join(sidecar, "z moves", "ben")
    await ann.send_json({"type": "offer", "to": "ben", "sdp": "v=0\r\n"})
    await join(sidecar, "a stays", "cat")
    await inspector.open(view="rooms")
    titles, link = inspector.page.locator("#rooms a"), inspector.room("a stays").get_by_role("link")
    await expect(titles.first).to_have_text("z moves")  # a room with a pair that is not connected comes first
    await link.focus()
    await ann.send_json({"type": "leave"})
    await expect(titles.first).to_have_text("a stays")
    await expect(link).to_be_focused()


async def test_a_screen_reader_is_told_once_that_there_is_no_connection(inspector: Inspector) -> None:
    page = inspector.page
    await page.route("**/inspector/changes", lambda route: route.abort())
    await inspector.open()
    await expect(page.get_by_role("alert")).to_contain_text("does not answer")
    await page.evaluate(COUNT_CHANGES)
    for _ in range(3):  # the page tries again, and the third try begins after the second has failed
        await page.wait_for_event("request")
    assert await page.evaluate("changes") == 0


async def test_the_overview_says_that_it_shows_only_one_pair_and_can_show_all_again(
    inspector: Inspector, sidecar: Sidecar, join: Join
) -> None:
    for peer in ("ann", "ben", "cat"):
        await join(sidecar, "pairs", peer)
    page = inspector.page
    await inspector.open(room="pairs", pair="ann,gone")  # the link of the badge, after a peer has got another id
    await expect(page.locator("#no-pair")).to_have_text("The peers ann and gone have not met here.")
    await page.get_by_role("link", name="Show all pairs").click()
    await expect(page.locator("#pairs > li")).to_have_count(3)
    await expect(page.get_by_text("Only one pair is shown.")).to_be_hidden()
    assert await page.locator("#said").text_content() == ""  # no verdict has changed
    assert inspector.faults == []
