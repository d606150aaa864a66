"""The diagnosis of pairs of real browsers: some do not connect, each for a different reason, and some do.

`make record` saves the log of these faults for the second notebook. The environment variable SOAK_TIMES is the number
of times that each fault is caused. If it is greater than 1, a hundred working pairs are diagnosed, too (`make
soak-why`).
"""

from __future__ import annotations

import asyncio
import re
import time

import pytest
from playwright.async_api import Browser, expect

from signaling_sidecar.diagnosis import Reason, diagnose
from tests.e2e.changed_frames import (
    a_pair,
    changed,
    enter,
    with_addresses,
    with_another_fingerprint,
    without_answers,
    without_candidates,
)
from tests.e2e.demo_page import DemoPage, all_connected, new_page
from tests.e2e.pictures import picture_the_ladder
from tests.e2e.recording import end, record
from tests.e2e.reported_verdicts import HEALTHY, TIMES, Expected, Made, Tally, all_named, entries_of
from tests.kit.programs import until
from tests.kit.sites import Site

FAULTS = {
    Reason.OFFER_UNANSWERED: without_answers,
    Reason.NO_CANDIDATES: without_candidates,
    Reason.DTLS_FAILED: with_another_fingerprint,
    Reason.ONLY_MDNS: with_addresses("11111111.local", "22222222.local"),
    Reason.SUBNETS: with_addresses("192.168.231.7", "10.231.0.7"),
    Reason.ICE_FAILED: with_addresses("203.0.113.7", "203.0.113.8"),
}
EXPECTED = {
    **{reason: Expected(reason) for reason in (Reason.CONNECTED, *FAULTS)},
    Reason.OFFER_UNANSWERED: Expected(Reason.OFFER_UNANSWERED, Reason.OFFER_UNANSWERED),
    Reason.NO_CANDIDATES: Expected(Reason.NO_CANDIDATES, Reason.NO_CANDIDATES),
    Reason.RELAY_ONLY: Expected(Reason.RELAY_ONLY, Reason.NO_CANDIDATES),
}
"""The expected diagnosis of each pair, with and without the reports of the browsers."""
RESTART = """async (id) => {
  const pc = demo.mesh.connectionTo(id)
  const ufrag = () => /ice-ufrag:(\\S+)/.exec(pc.currentLocalDescription.sdp)[1]
  const before = ufrag()
  pc.restartIce()
  while (ufrag() === before || pc.connectionState !== 'connected') {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}"""
RELAY_ONLY = """(() => {
  const Native = RTCPeerConnection
  globalThis.RTCPeerConnection = class extends Native {
    constructor(configuration) { super({ ...configuration, iceTransportPolicy: 'relay' }) }
  }
})()"""


async def connected(browser: Browser, demo: Site, room: str, *names: str) -> list[DemoPage]:
    people = [await new_page(browser, name) for name in names]
    await enter(people, demo, room)
    await all_connected(*people)
    return people


async def test_working_pairs_are_only_reported_as_connected(shared_demo: Site, browser: Browser, tally: Tally) -> None:
    rooms, people = ("one", "two", "three", "four", "five"), ("Ann", "Ben", "Cleo", "Dan", "Eve", "Fay", "Gus")
    if TIMES == 1:
        rooms, people = rooms[:1], people[:4]
    for room in rooms:
        since_ts = time.time()
        met = await connected(browser, shared_demo, room, *people)
        made = {room: Made("healthy pairs", HEALTHY)}
        tally.judge(shared_demo.sidecar, made, since_ts, await all_named(shared_demo.sidecar, made))
        await close(*met)
    assert tally.all_wrong == {}
    assert sum(tally.made.values()) == len(rooms) * len(people) * (len(people) - 1) / 2


async def test_two_tabs_of_one_browser_have_different_labels(shared_demo: Site, browser: Browser) -> None:
    """Both peers have the same name, because the demo invents one name for each browser."""
    window = await browser.new_context()
    for _ in range(2):
        page = await window.new_page()
        await page.goto(f"{shared_demo.url}?room=bar")
        await page.wait_for_function("window.demo?.client.joined")

    def said() -> str:
        """The line about the pair."""
        return str(diagnose(entries_of(shared_demo.sidecar))).partition("bar (rooms)\n")[2].partition("\n")[0]

    await until(lambda: "connected (" in said(), "a peer has reported its selected candidate pair", within_s=60)
    assert re.fullmatch(r"  ✓ (\w+ \w+) and \1 \(2\): connected \(host to \w+\)", said()), said()


async def test_normal_events_of_working_pairs_are_not_faults(shared_demo: Site, browser: Browser, tally: Tally) -> None:
    for round_ in range(TIMES):
        room, since_ts = f"bar-{round_}", time.time()
        people = ann, ben, cleo = await connected(browser, shared_demo, room, "Ann", "Ben", "Cleo")
        await ann.page.reload()
        await all_connected(*people)
        await ben.leave()
        await expect(ben.room_card(room)).to_be_visible()
        await ben.join(room)
        await all_connected(*people)
        # Both restart ICE at the same time, so their offers may cross.
        await asyncio.gather(restart_ice(ann, cleo), restart_ice(cleo, ann))
        await cleo.page.close()
        await expect(ann.tile("Cleo")).to_have_count(0)
        made = {room: Made("reloaded, left and come back, restarted, closed", HEALTHY)}
        tally.judge(shared_demo.sidecar, made, since_ts, await all_named(shared_demo.sidecar, made))
        await close(*people)
    assert tally.all_wrong == {}
    assert set(tally.made.values()) == {5 * TIMES}


async def restart_ice(person: DemoPage, other: DemoPage) -> None:
    """Restart ICE, and wait until the new credentials are in use."""
    await person.page.evaluate(RESTART, await other.peer_id())


async def close(*people: DemoPage) -> None:
    for person in people:
        await person.page.context.close()


async def test_each_fault_is_diagnosed(
    demo: Site, browser: Browser, tally: Tally, request: pytest.FixtureRequest
) -> None:
    for round_ in range(TIMES):
        since_ts = time.time()
        rooms = {reason: reason if round_ == 0 else f"{reason}-{round_}" for reason in EXPECTED}
        healthy = await a_pair(browser)
        await enter(healthy, demo, rooms[Reason.CONNECTED])
        people = [*healthy, *await with_faults(browser, demo, rooms)]
        made = {room: Made(reason, EXPECTED[reason]) for reason, room in rooms.items()}
        tally.judge(demo.sidecar, made, since_ts, await all_named(demo.sidecar, made))
        assert [person.faults for person in healthy] == [[], []]
        if round_ < TIMES - 1:
            await close(*people)
    assert tally.all_wrong == {}
    assert tally.made == dict.fromkeys(EXPECTED, TIMES)
    await end(demo)
    record(demo, request.config, "seven-faults")
    pictures = request.config.getoption("record_pictures")
    if pictures is not None:
        await picture_the_ladder(browser, demo.sidecar.state_dir, Reason.DTLS_FAILED, pictures)


async def with_faults(browser: Browser, demo: Site, rooms: dict[Reason, str]) -> list[DemoPage]:
    everybody: list[DemoPage] = []
    for reason, change in FAULTS.items():
        people = await a_pair(browser)
        for side, person in enumerate(people):
            await changed(person, side, change)
        await enter(people, demo, rooms[reason])
        everybody += people
    relayed = await a_pair(browser)
    for person in relayed:
        await person.page.add_init_script(RELAY_ONLY)
    await enter(relayed, demo, rooms[Reason.RELAY_ONLY])
    return [*everybody, *relayed]
