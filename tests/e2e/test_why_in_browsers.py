"""Real browsers that do not connect, each for another reason, and what the log says of it.

The second notebook's recorded log is that of these faults: see `make record`.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from playwright.async_api import Browser, WebSocketRoute

from signaling_sidecar.diagnosis import Reason, Verdict, find_meetings, judge, read_entries
from signaling_sidecar.eventlog.segments import find_segments
from tests.e2e.demo_page import DemoPage, in_room, new_page
from tests.e2e.recording import end, record
from tests.e2e.sites import Site

NAMED_WITHIN_S = 60  # seconds; Chromium takes 15 s to give up an address, with many pages on two cores more
Frame = dict[str, Any]
Change = Callable[[Frame, int], Frame]
"""What becomes of a frame that the first (0) or the second (1) of a pair sends."""


def without(frame: Frame) -> Frame:
    """Something else in its place: a frame that was lost would be sent again."""
    return {**frame, "type": "signal"} | {name: None for name in ("sdp", "candidate") if name in frame}


def without_answers(frame: Frame, side: int) -> Frame:
    return without(frame) if frame["type"] == "answer" else frame


def without_candidates(frame: Frame, side: int) -> Frame:
    if frame["type"] == "candidate":
        return without(frame)
    return with_sdp(frame, lambda sdp: re.sub("a=candidate.*\r\n", "", sdp))


def with_another_fingerprint(frame: Frame, side: int) -> Frame:
    swapped = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)
    return with_sdp(frame, lambda sdp: re.sub("a=fingerprint:sha-256 [0-9A-F:]+", swapped, sdp))


def with_addresses(*addresses: str) -> Change:
    """Each side names an address of its own, which nobody answers."""

    def change(frame: Frame, side: int) -> Frame:
        def renamed(text: str) -> str:
            return re.sub(r"(candidate:\S+ \d \S+ \d+) \S+ ", rf"\1 {addresses[side]} ", text)

        if frame["type"] == "candidate":
            candidate = {**frame["candidate"], "candidate": renamed(frame["candidate"]["candidate"])}
            return {**frame, "candidate": candidate}
        return with_sdp(frame, renamed)

    return change


def with_sdp(frame: Frame, change: Callable[[str], str]) -> Frame:
    return {**frame, "sdp": change(frame["sdp"])} if "sdp" in frame else frame


FAULTS = {
    Reason.OFFER_UNANSWERED: without_answers,
    Reason.NO_CANDIDATES: without_candidates,
    Reason.DTLS_FAILED: with_another_fingerprint,
    Reason.ONLY_MDNS: with_addresses("11111111.local", "22222222.local"),
    Reason.SUBNETS: with_addresses("192.168.231.7", "10.231.0.7"),
    Reason.ICE_FAILED: with_addresses("203.0.113.7", "203.0.113.8"),
}
RELAY_ONLY = """(() => {
  const Native = RTCPeerConnection
  globalThis.RTCPeerConnection = class extends Native {
    constructor(configuration) { super({ ...configuration, iceTransportPolicy: 'relay' }) }
  }
})()"""


async def changed(page: DemoPage, side: int, change: Change) -> None:
    """Change what the page signals, on its way to the sidecar."""

    async def route(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def pass_on(text: str | bytes) -> None:
            server.send(json.dumps(change(json.loads(text), side)))

        socket.on_message(pass_on)

    await page.page.route_web_socket("**/ws/signaling", route)


async def a_pair(browser: Browser) -> list[DemoPage]:
    return [await new_page(browser, name) for name in ("Ann", "Ben")]


async def enter(people: list[DemoPage], demo: Site, room: str) -> None:
    for person in people:
        await person.page.add_init_script(f"localStorage.setItem('demo:name', '{person.name}')")
        await person.page.goto(f"{demo.url}?room={room}")
        await person.page.wait_for_function("window.demo?.client.joined")


def verdicts(demo: Site) -> dict[str, Verdict]:
    """What is said of each room's last pair, by room."""
    met = find_meetings(read_entries(find_segments(demo.sidecar.state_dir).segments))
    return {each.room: judge(each, met.connections, met.last_ts) for each in met.meetings}


async def all_are_named(demo: Site, reasons: Iterable[Reason]) -> None:
    """Each in the room of its name."""
    wrong = dict.fromkeys(reasons, "")
    for _ in range(NAMED_WITHIN_S):
        found = verdicts(demo)
        wrong = {reason: found[reason].sentence for reason in reasons if found[reason].finding.reason is not reason}
        if not wrong:
            return
        await asyncio.sleep(1)
    assert wrong == {}


async def test_healthy_pairs_are_connected_and_nothing_else(demo: Site, browser: Browser) -> None:
    await in_room(browser, demo.url, "bar", "Ann", "Ben", "Cleo", "Dan")
    met = find_meetings(read_entries(find_segments(demo.sidecar.state_dir).segments))
    found = [judge(each, met.connections, met.last_ts) for each in met.meetings]
    assert [verdict.finding.reason for verdict in found] == [Reason.CONNECTED] * 6
    assert {verdict.signaling.reason for verdict in found} == {Reason.UNKNOWN}


async def test_each_fault_is_named(demo: Site, browser: Browser, request: pytest.FixtureRequest) -> None:
    healthy = await a_pair(browser)
    await enter(healthy, demo, Reason.CONNECTED)
    for reason, change in FAULTS.items():
        people = await a_pair(browser)
        for side, person in enumerate(people):
            await changed(person, side, change)
        await enter(people, demo, reason)
    relayed = await a_pair(browser)
    for person in relayed:
        await person.page.add_init_script(RELAY_ONLY)
    await enter(relayed, demo, Reason.RELAY_ONLY)
    await all_are_named(demo, (*FAULTS, Reason.RELAY_ONLY, Reason.CONNECTED))
    assert [person.faults for person in healthy] == [[], []]
    await end(demo)
    record(demo, request.config, "seven-faults")
