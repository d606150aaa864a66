"""The usual actions of a developer, such as saving a file, do not interrupt the people in a room."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.e2e.demo_page import DemoPage, all_connected, in_room, meet, new_page, seen, watch
from tests.e2e.network_of_a_page import Network
from tests.kit.checkout import PACKAGE
from tests.kit.programs import Start, until
from tests.kit.sites import Site, copied_demo, sidecar_in, start_demo


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with copied_demo() as folder:
        yield folder


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running_demo(folder: Path, start_once: Start, npm_package: Path) -> Site:
    """The demo app for the tests of this file that do not end its sidecar. These tests may save files of the app."""
    return await start_demo(start_once, folder=folder)


@pytest_asyncio.fixture(loop_scope="session")
async def people(demo: Site, browser: Browser) -> list[DemoPage]:
    """Connected pages of Ann and Ben, whose events are recorded from now on."""
    return await watched(browser, demo)


@pytest_asyncio.fixture(loop_scope="session")
async def people_of_shared_demo(shared_demo: Site, browser: Browser) -> list[DemoPage]:
    return await watched(browser, shared_demo)


async def watched(browser: Browser, demo: Site) -> list[DemoPage]:
    people = await in_room(browser, demo.url, "bar", "Ann", "Ben")
    for person in people:
        await watch(person)
    return people


async def nobody_noticed(people: list[DemoPage], told: Collection[str] = ()) -> None:
    """Assert that both sessions continued: no page got a new list of peers, and no tile appeared or disappeared.

    `told` are further events that are allowed.
    """
    for person in people:
        await person.page.wait_for_function("seen.events.includes('resumed') && demo.client.joined")
    await arrives_both_ways(people, "I am back")
    for one, other in (people, people[::-1]):
        assert await one.has_kept_connection_to(other)
        what = await seen(one)
        assert what["tiles"] == []
        assert [event for event in what["events"] if event not in told] == ["resumed"]


async def test_sessions_continue_after_the_sidecar_is_killed_and_restarted(demo: Site, people: list[DemoPage]) -> None:
    ann, ben = people
    await ann.keep_connection_to(ben)
    await ben.keep_connection_to(ann)
    os.kill(demo.sidecar.pid, signal.SIGKILL)
    second = await sidecar_in(demo.vite, nth=2)
    # The delays between a page's attempts grow. If the new sidecar starts slowly, a page may be without a connection
    # for more than a second. The sidecar then tells the other page that this peer was away (PROTOCOLS.md, "Rule 9").
    await nobody_noticed(people, told={"peer_updated"})
    (restored,) = [record for record in second.records() if record["type"] == "server.restored"]
    assert restored["data"]


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux lets a test fill another program's disk")
async def test_sessions_continue_after_the_sidecar_is_killed_while_its_disk_is_full(
    demo: Site, people: list[DemoPage]
) -> None:
    """The frames that were relayed while the disk was full are lost. The peers keep their sessions and their ids."""
    resource.prlimit(demo.sidecar.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    await demo.vite.line("the event log cannot be written")
    await arrives_both_ways(people, "while the disk is full")
    ids = [await person.peer_id() for person in people]
    os.kill(demo.sidecar.pid, signal.SIGKILL)
    await sidecar_in(demo.vite, nth=2)
    for person in people:
        await person.page.wait_for_function("seen.events.includes('peer_list') && demo.client.joined")
    await arrives_both_ways(people, "when there is space")
    assert [await person.peer_id() for person in people] == ids
    for person in people:
        what = await seen(person)
        assert what["tiles"] == []
        assert set(what["events"]) <= {"peer_list", "resumed", "peer_updated"}


async def arrives_both_ways(people: list[DemoPage], text: str) -> None:
    for one, other in (people, people[::-1]):
        frame = [await other.peer_id(), {"text": text}]
        assert await one.page.evaluate("([to, payload]) => demo.client.relay(to, 'signal', payload)", frame)
    for person in people:
        await until(
            lambda person=person: any(frame.get("text") == text for frame in person.received), f"{person.name} hears"
        )


async def test_sessions_continue_when_the_code_of_the_sidecar_is_saved(
    start: Start, npm_package: Path, browser: Browser
) -> None:
    demo = await start_demo(start, {"SIDECAR_RELOAD": None})
    ann, ben = people = await watched(browser, demo)
    await ann.keep_connection_to(ben)
    await ben.keep_connection_to(ann)
    os.utime(PACKAGE / "server" / "pages" / "page_files.py")
    await demo.vite.line("new code is serving")
    await nobody_noticed(people)


async def test_sessions_continue_when_the_hooks_file_is_saved(start: Start, browser: Browser, tmp_path: Path) -> None:
    hooks = tmp_path / "signaling_hooks.py"
    hooks.write_text("")
    demo = await start_demo(start, {"SIDECAR_HOOKS": str(hooks)})
    people = await watched(browser, demo)
    hooks.write_text("def on_join(join):\n    return 'the bar is closed'\n")
    await demo.vite.line("hooks of .* are in use")
    late = await new_page(browser, "Cleo")
    await late.open(demo.url)
    await late.room_card("bar").click()
    await expect(late.page.get_by_test_id("refusal")).to_have_text("Could not join: the bar is closed")
    hooks.write_text("def on_join(join:\n")
    await demo.vite.line("SyntaxError")
    for person in people:
        assert await seen(person) == {"tiles": [], "events": []}
        assert await person.page.evaluate("demo.client.joined")


async def test_sessions_continue_when_a_module_of_the_page_is_saved(
    folder: Path, people_of_shared_demo: list[DemoPage]
) -> None:
    """The module draws the tiles. The pages draw them again with the new code. Calls and sessions continue."""
    ann, ben = people = people_of_shared_demo
    await ann.keep_connection_to(ben)
    await ann.page.evaluate("window.old = demo.mesh")
    async with ann.page.expect_response(lambda answer: "tile.ts?t=" in answer.url) as answer:
        while not answer.is_done():  # Vite does not report when it begins to watch the file
            os.utime(folder / "src" / "tile.ts")
            await asyncio.sleep(1)
    await expect(ann.tile("Ben")).to_have_attribute("data-state", "connected")
    await expect(ann.page.get_by_test_id("tile")).to_have_count(2)
    assert await ann.page.evaluate("demo.mesh === window.old")
    assert await ann.has_kept_connection_to(ben)
    for one, other in (people, people[::-1]):
        await one.say(f"{one.name} says hello")
        await one.reads(f"{one.name} says hello")
        await other.reads(f"{one.name} says hello")
    assert (await seen(ann))["events"] == (await seen(ben))["events"] == []


async def test_an_edit_of_vites_config_reloads_every_page_and_nobody_leaves(
    folder: Path, shared_demo: Site, people_of_shared_demo: list[DemoPage]
) -> None:
    people, records_before = people_of_shared_demo, len(shared_demo.sidecar.records())
    ids = [await person.peer_id() for person in people]
    os.utime(folder / "vite.config.ts")
    await shared_demo.vite.line("server restarted")
    for person in people:
        await person.page.wait_for_function("window.seen === undefined && window.demo?.client.joined")
    await all_connected(*people)
    assert [await person.peer_id() for person in people] == ids
    records = shared_demo.sidecar.records()[records_before:]
    assert [record for record in records if record["type"] == "peer.left"] == []


async def test_a_reloaded_page_connects_again_and_keeps_its_tile_on_the_other_pages(
    people_of_shared_demo: list[DemoPage],
) -> None:
    ann, ben = people_of_shared_demo
    await ann.keep_connection_to(ben)
    before = await ben.peer_id()
    await ben.page.reload()
    await ben.page.wait_for_function("window.demo?.client.joined")
    await all_connected(ann, ben)
    assert await ben.peer_id() == before
    assert not await ann.has_kept_connection_to(ben)
    await ben.say("here I am again")
    await ann.reads("here I am again")
    assert (await seen(ann))["tiles"] == []
    assert set((await seen(ann))["events"]) == {"peer_updated"}
    assert ann.faults == ben.faults == []


async def test_a_duplicated_tab_is_another_peer(people_of_shared_demo: list[DemoPage]) -> None:
    ann, ben = people_of_shared_demo
    async with ben.page.context.expect_page() as opened:
        await ben.page.evaluate("void window.open(location.href)")
    twin = await opened.value
    await twin.wait_for_function("window.demo?.client.joined")
    assert await twin.evaluate("demo.client.peerId") != await ben.peer_id()
    await expect(ann.tile("Ben")).to_have_count(2)
    await ben.page.wait_for_function("seen.events.length")
    assert (await seen(ben))["events"] == ["peer_joined"]


async def test_a_peer_that_joined_meanwhile_is_connected_as_soon_as_an_absent_peer_returns(
    shared_demo: Site, browser: Browser
) -> None:
    ann, ben = [await new_page(browser, name) for name in ("Ann", "Ben")]
    network = await Network.of(ben.page)
    await meet(shared_demo.url, "bar", ben)
    await ben.page.wait_for_function("demo.client.joined")
    network.is_down = True
    await network.cut()
    await ann.open(shared_demo.url)
    await ann.join("bar")
    await expect(ann.tile("Ben")).to_have_attribute("data-state", "away")
    await ann.page.evaluate("""() => {
      window.states = []
      demo.mesh.addEventListener('changed', ({ detail }) => states.push(detail.state))
    }""")
    network.is_down = False
    await all_connected(ann, ben)
    assert "failed" not in await ann.page.evaluate("states")  # the deadline of the first link has not passed
