"""The page of the inspector shows live which peers are connected, and keeps its view over reloads."""

from __future__ import annotations

import re
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from tests.e2e.inspector_page import ASSETS, Inspector, ask, open_inspector
from tests.e2e.plain_peers import Join, PlainPeer
from tests.kit.programs import Start
from tests.kit.sites import Sidecar, close_all_rooms, start_sidecar, write_project

MOST_BYTES = 64_000  # the maximum size of all files of the page together
UNANSWERED_WITHIN_MS = 15_000  # ms; a missing answer is a fault after 5 s, and is shown 2 s later
SDP = "v=0\r\ns=-\r\nt=0 0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=ice-ufrag:{ufrag}\r\n"
HOSTILE = "<img src=x onerror=document.title='hacked'>"
PHONE: Any = {"width": 390, "height": 844}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
VIEWS = ("mesh", "ladder", "timeline", "records")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(start_once: Start, tmp_path_factory: pytest.TempPathFactory) -> Sidecar:
    project = write_project(tmp_path_factory.mktemp("inspected") / "app", "")
    return await start_sidecar(start_once, project, ["--max-frames-per-s", "100000"])


@pytest.fixture
def sidecar(running: Sidecar) -> Sidecar:
    """The sidecar that all tests share. Its rooms are empty when a test begins."""
    close_all_rooms(running)
    return running


@pytest.fixture
def room(request: pytest.FixtureRequest) -> str:
    """A room name that no other test uses, because the inspector also shows the earlier records of a room."""
    return f"room of {request.node.name}"[:60]


@pytest_asyncio.fixture(loop_scope="session")
async def inspector(browser: Browser, sidecar: Sidecar) -> Inspector:
    return await open_inspector(browser, sidecar)


async def offer(peer: PlainPeer, to: str, ufrag: str = "abcd") -> None:
    await peer.send_json({"type": "offer", "to": to, "sdp": SDP.format(ufrag=ufrag)})


async def test_a_verdict_is_shown_with_its_evidence_and_the_next_step_without_a_reload(
    inspector: Inspector, sidecar: Sidecar, join: Join, room: str
) -> None:
    page = inspector.page
    await inspector.open()
    await expect(page.locator("#empty")).to_contain_text("Nobody is in a room yet.")
    await expect(page.locator("#empty code").first).to_contain_text("new Mesh({ room: 'lobby' })")
    ann = await join(sidecar, room, "ann", name="Ann", listed=False)
    await expect(inspector.room(room)).to_contain_text("1 peer · hidden")
    await join(sidecar, room, "ben", name="Ben")
    await inspector.room(room).get_by_role("link").click()
    await offer(ann, "ben")
    pair = page.locator("#pairs li")
    await expect(pair).to_have_attribute("data-state", "trying")
    # No record is added: the verdict changes because time has passed.
    await expect(pair).to_have_attribute("data-state", "failed", timeout=UNANSWERED_WITHIN_MS)
    await expect(pair).to_contain_text("Ann and Ben: Ben has not answered the offer of Ann")
    await expect(pair).to_contain_text("What to do:")
    await expect(page.locator("#summary")).to_have_text("The two peers are not connected.")
    await expect(page.locator("#mesh svg").first).to_be_visible()
    await expect(page.locator("#said")).to_contain_text("Ben has not answered")
    await pair.get_by_role("link", name=re.compile(r"^#\d+")).first.click()
    await expect(page.locator("#ladder-list .open")).to_have_attribute("data-kind", "offer")
    await expect(page.locator("#payload")).to_contain_text("a=ice-ufrag:abcd")
    assert inspector.faults == []


async def test_a_reload_and_the_back_button_keep_the_place(
    inspector: Inspector, sidecar: Sidecar, join: Join, room: str
) -> None:
    ann, _, cleo = [await join(sidecar, room, peer) for peer in ("ann", "ben", "cleo")]
    await offer(ann, "ben")
    await offer(cleo, "ben")
    page, rows = inspector.page, inspector.rows("ladder")
    await inspector.open(room=room, view="ladder")
    await expect(rows.and_(page.locator("[data-kind=offer]"))).to_have_count(2)
    await (
        page.locator("#ladder-list")
        .locator("xpath=ancestor::section")
        .get_by_label("Between")
        .select_option("ann and ben")
    )
    await expect(rows.and_(page.locator("[data-kind=offer]"))).to_have_count(1)
    await page.get_by_label("Coming and going").uncheck()
    await expect(rows.and_(page.locator("[data-kind=joined]"))).to_have_count(0)
    await rows.and_(page.locator("[data-kind=offer]")).click()
    await expect(page.locator("#payload")).to_be_visible()
    await page.reload()
    await expect(page.locator("#ladder-list .open")).to_have_attribute("data-kind", "offer")
    await expect(page.locator("#payload")).to_contain_text("a=ice-ufrag:abcd")
    await expect(page.get_by_label("Coming and going")).not_to_be_checked()
    await expect(rows.and_(page.locator("[data-kind=joined]"))).to_have_count(0)
    assert parse_qs(urlsplit(page.url).query)["pair"] == ["ann,ben"]
    await page.go_back()
    await expect(page.locator("#payload")).to_be_hidden()
    await page.go_back()
    await expect(page.get_by_label("Coming and going")).to_be_checked()
    await expect(rows.and_(page.locator("[data-kind=joined]"))).to_have_count(2)
    assert inspector.faults == []


async def test_messages_are_read_with_the_keyboard_alone(
    inspector: Inspector, sidecar: Sidecar, join: Join, room: str
) -> None:
    ann, _ = [await join(sidecar, room, peer) for peer in ("ann", "ben")]
    await offer(ann, "ben", "old1")
    await offer(ann, "ben", "new2")
    page = inspector.page
    await inspector.open(room=room, view="ladder", kinds="offer")
    await expect(inspector.rows("ladder")).to_have_count(2)
    messages = page.get_by_role("listbox", name="Messages in the room")
    await messages.focus()
    await page.keyboard.press("End")
    await page.keyboard.press("Enter")
    payload = page.get_by_role("complementary")
    await expect(payload.get_by_role("heading")).to_be_focused()
    await expect(payload.locator("details").first).to_contain_text("Difference")
    await expect(payload.locator("details").first).to_contain_text("a=ice-ufrag:new2")
    await page.keyboard.press("Escape")
    await expect(payload).to_be_hidden()
    await expect(messages).to_be_focused()
    await page.keyboard.press("ArrowUp")
    active = await messages.get_attribute("aria-activedescendant")
    await expect(page.locator(f"#{active}")).to_have_attribute("aria-posinset", "1")
    await expect(page.locator(f"#{active}")).to_have_accessible_name(re.compile("^ann to ben: offer"))


async def test_the_admin_is_asked_back_once(inspector: Inspector, sidecar: Sidecar, join: Join, room: str) -> None:
    ann = await join(sidecar, room, "ann", name="Ann")
    await join(sidecar, room, "ben", name="Ben")
    page = inspector.page
    await inspector.open(room=room)
    dialog = page.get_by_role("dialog")
    await page.get_by_role("button", name="Kick Ann…").click()
    await expect(dialog).to_contain_text("Kick Ann?")
    await expect(dialog).to_contain_text("cannot join it again for a minute")
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(page.locator("#peers li")).to_have_count(2)

    await page.get_by_role("button", name="Say…").click()
    await dialog.get_by_label("Text").fill("the build is broken")
    await dialog.get_by_role("button", name="Send to 2 peers").click()
    await expect(dialog).to_be_hidden()
    while (heard := await ann.receive_json())["type"] != "notice":
        pass
    assert heard["text"] == "the build is broken"

    await page.get_by_role("button", name="Rules…").click()
    await dialog.get_by_label("Maximum number of peers").fill("2")
    await dialog.get_by_label("In the list of rooms").select_option("hidden")
    await dialog.get_by_role("button", name="Set these rules").click()
    await expect(page.locator("#room-facts")).to_contain_text("2 of at most 2 peers · hidden")

    await page.get_by_role("button", name="Kick Ann…").click()
    await dialog.get_by_role("button", name="Kick Ann").click()
    await expect(page.locator("#peers li")).to_have_count(1)
    await expect(page.locator("#peers li")).to_contain_text("Ben")

    await page.get_by_role("button", name="Close room…").click()
    await dialog.get_by_role("button", name="Close the room").click()
    await expect(page.locator("#peers li")).to_have_count(0)
    assert ask(sidecar, "GET", "rooms")["rooms"] == []
    assert inspector.faults == []


async def test_what_is_refused_is_said_in_the_dialog(
    inspector: Inspector, sidecar: Sidecar, join: Join, room: str
) -> None:
    await join(sidecar, room, "ann")
    page = inspector.page
    await inspector.open(room=room)
    await page.get_by_role("button", name="Kick ann…").click()
    close_all_rooms(sidecar)
    await page.get_by_role("dialog").get_by_role("button", name="Kick ann").click()
    await expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("That was not done: ")


async def test_an_issue_gets_the_verdict_as_markdown(
    inspector: Inspector, sidecar: Sidecar, join: Join, room: str
) -> None:
    ann, _ = [await join(sidecar, room, peer) for peer in ("ann", "ben")]
    await offer(ann, "ben")
    await inspector.open(room=room)
    await inspector.page.get_by_role("button", name="Copy as Markdown for an issue").click()
    await expect(inspector.page.get_by_role("button", name="Copied")).to_be_visible()
    copied: str = await inspector.page.evaluate("navigator.clipboard.readText()")
    assert "peer-1 and peer-2: " in copied  # the names of peers are replaced, because an issue is public
    assert "ice-ufrag" not in copied


async def test_text_of_peers_is_never_parsed_as_html(
    inspector: Inspector, sidecar: Sidecar, join: Join, room: str
) -> None:
    ann = await join(sidecar, HOSTILE, HOSTILE, name=HOSTILE)
    await join(sidecar, HOSTILE, "a,b%2C", name=HOSTILE)
    await ann.send_json({"type": "offer", "to": "a,b%2C", "sdp": HOSTILE, HOSTILE: HOSTILE})
    page = inspector.page
    await inspector.open(room=HOSTILE)
    await expect(page.locator("#room-title")).to_have_text(HOSTILE)
    await expect(page.locator("#peers b").first).to_contain_text(HOSTILE)
    for view in ("Timeline", "Records", "Messages"):
        await page.get_by_role("navigation", name="Views").get_by_role("link", name=view).click()
        await expect(page.locator("[data-panel]:visible")).to_contain_text("onerror")
    await inspector.rows("ladder").and_(page.locator("[data-kind=offer]")).click()
    await expect(page.locator("#payload")).to_contain_text(HOSTILE)
    await page.locator("[data-panel=ladder]").get_by_label("Between").select_option(index=1)
    await expect(inspector.rows("ladder").and_(page.locator("[data-kind=offer]"))).to_have_count(1)
    await expect(page.locator("img, body script")).to_have_count(0)
    assert await page.title() != "hacked"
    assert inspector.faults == []


async def test_axe_finds_nothing_serious(browser: Browser, sidecar: Sidecar, join: Join, room: str) -> None:
    # More peers would add elements of the same kinds, and axe takes a second for each thousand.
    sockets = [await join(sidecar, room, f"peer-{number}") for number in range(8)]
    await offer(sockets[0], "peer-1")
    inspector = await open_inspector(browser, sidecar, viewport=PHONE)
    await inspector.open(view="rooms")
    await expect(inspector.room(room)).to_be_visible()
    await assert_nothing_is_serious(inspector)
    for view in VIEWS:
        await open_view(inspector, room, view)
        await assert_nothing_is_serious(inspector)
    await inspector.page.get_by_role("button", name="Rules…").click()
    await assert_nothing_is_serious(inspector)
    assert inspector.faults == []


async def assert_nothing_is_serious(inspector: Inspector) -> None:
    for scheme in SCHEMES:
        await inspector.page.emulate_media(color_scheme=scheme)
        assert await inspector.axe() == [], scheme


async def test_with_thirty_peers_nothing_is_wider_than_a_phone(
    browser: Browser, sidecar: Sidecar, join: Join, room: str
) -> None:
    sockets = [await join(sidecar, room, f"peer-{number}") for number in range(30)]
    await offer(sockets[0], "peer-1")
    inspector = await open_inspector(browser, sidecar, viewport=PHONE)
    for view in VIEWS:
        await open_view(inspector, room, view)
        assert await inspector.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert inspector.faults == []


async def test_a_phone_shows_two_columns_of_messages_without_the_times_and_each_button_on_one_line(
    browser: Browser, sidecar: Sidecar, join: Join, room: str
) -> None:
    sockets = [await join(sidecar, room, f"peer-{number}") for number in range(2)]
    await offer(sockets[0], "peer-1")
    inspector = await open_inspector(browser, sidecar, viewport=PHONE)
    await open_view(inspector, room, "ladder")
    page = inspector.page
    ladder = page.locator("#ladder-list")
    left, right = await sides(ladder)
    for time in await ladder.get_by_text(re.compile(r"^\+[0-9.]+$")).all():
        assert (await sides(time))[1] < left
    assert (await sides(ladder.locator("path[fill='#2f80ed']")))[1] <= right  # the arrowhead of the offer
    heights = [await button.evaluate("it => it.offsetHeight") for button in await page.locator("#actions button").all()]
    assert len(heights) > 3
    assert len(set(heights)) == 1


async def sides(element: Locator) -> tuple[float, float]:
    """Return where the element begins and ends, in pixels from the left edge of the page."""
    found = await element.bounding_box()
    assert found is not None
    return found["x"], found["x"] + found["width"]


async def test_pairs_with_the_same_verdict_share_a_row_that_can_be_opened(
    inspector: Inspector, sidecar: Sidecar, join: Join, room: str
) -> None:
    sockets = [await join(sidecar, room, f"peer-{number}") for number in range(30)]
    await offer(sockets[0], "peer-1")
    page = inspector.page
    await inspector.open(room=room)
    rows = page.locator("#pairs > li")
    await expect(rows).to_have_count(2)
    await expect(rows.nth(1)).to_contain_text("434 pairs: neither has sent an offer", timeout=UNANSWERED_WITHIN_MS)
    await expect(rows.nth(1)).to_contain_text("What to do: decide which page sends the offer")
    await expect(rows.nth(1).locator("li")).to_have_count(0)
    await rows.nth(1).locator("summary").focus()
    await page.keyboard.press("Enter")
    await expect(rows.nth(1).locator("li")).to_have_count(434)
    await offer(sockets[2], "peer-3")
    await expect(rows).to_have_count(3)
    await expect(rows.last.locator("li")).to_have_count(433)  # the row stays open, and keeps the focus
    await expect(rows.last.locator("summary")).to_be_focused()
    await rows.last.get_by_role("link", name="All their messages: peer-5, peer-7", exact=True).click()
    await expect(page.locator("[data-panel=ladder] .pair-filter")).to_have_value('["peer-5","peer-7"]')
    assert inspector.faults == []


async def open_view(inspector: Inspector, room: str, view: str) -> None:
    await inspector.open(room=room, view=view)
    await expect(inspector.page.locator(f"[data-panel={view}]")).to_be_visible()
    if view in ("ladder", "records"):
        await inspector.rows(view).last.click()
        await expect(inspector.page.locator("#payload-body > *").first).to_be_visible()


async def test_the_files_of_the_page_are_small() -> None:
    assert sum(path.stat().st_size for path in ASSETS.iterdir()) < MOST_BYTES
