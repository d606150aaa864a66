"""The sidecar is killed during calls. The calls continue, and so do the sessions in the room."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import permutations
from typing import Any

from playwright.async_api import Browser, expect

from signaling_sidecar.eventlog import state_dir
from tests.e2e.demo_page import DemoPage, all_connected, in_room
from tests.kit.programs import until
from tests.kit.sites import Sidecar, Site, sidecar_in

BURST = 400  # frames at once: below the limit of 500, but too many to be relayed before the kill


@contextmanager
def nobody_else_starts(sidecar: Sidecar) -> Iterator[None]:
    """Lock the state folder as a sidecar does, so that no sidecar starts in this block."""
    lock = state_dir.lock(sidecar.state_dir)
    try:
        yield
    finally:
        os.close(lock)


async def kill(sidecar: Sidecar) -> None:
    os.kill(sidecar.pid, signal.SIGKILL)
    await sidecar.program.line("the sidecar was ended by SIGKILL")


async def signal_reaches_everybody(people: list[DemoPage], text: str) -> None:
    """Send a signal in each direction. Frames of one sender arrive in order, so all earlier frames have arrived too."""
    for sender, receiver in permutations(people, 2):
        frame = [await receiver.peer_id(), {"text": f"{text} from {sender.name}"}]
        assert await sender.page.evaluate("([to, payload]) => demo.client.relay(to, 'signal', payload)", frame)
    expected = {(person.name, f"{text} from {other.name}") for person, other in permutations(people, 2)}
    await until(
        lambda: expected <= {(person.name, frame.get("text")) for person in people for frame in person.received},
        f"everybody has a signal {text!r}",
    )


def offers(sidecar: Sidecar) -> int:
    return sum(record.get("kind") == "offer" for record in sidecar.records() if record["type"] == "signal.relayed")


async def test_calls_continue_without_the_sidecar_and_no_offer_is_repeated_afterwards(
    demo: Site, browser: Browser
) -> None:
    people = await in_room(browser, demo.url, "bar", "Ann", "Ben", "Cleo")
    for one, other in permutations(people, 2):
        await one.keep_connection_to(other)
    offers_before = offers(demo.sidecar)

    await kill(demo.sidecar)
    with nobody_else_starts(demo.sidecar):
        for person in people:
            await expect(person.banner).to_contain_text("Reconnecting")
        for one, other in permutations(people, 2):
            await one.say(f"from {one.name}, {other.name}, while it is down")
            await other.reads(f"from {one.name}, {other.name}, while it is down")
        for person in people:
            await expect(person.banner).to_be_visible()

    second = await sidecar_in(demo.vite, nth=2)
    assert second.state_dir == demo.sidecar.state_dir
    for person in people:
        await expect(person.banner).to_be_hidden()
        await person.page.wait_for_function("window.demo?.client.joined")
    await signal_reaches_everybody(people, "we are all back")
    await all_connected(*people)
    for one, other in permutations(people, 2):
        assert await one.has_kept_connection_to(other)
    assert offers(second) == offers_before
    assert [person.faults for person in people] == [[], [], []]


async def test_all_frames_that_were_received_before_the_kill_are_in_the_log(demo: Site, browser: Browser) -> None:
    ann, ben = await in_room(browser, demo.url, "bar", "Ann", "Ben")
    burst = """async ([to, count]) => {
      for (let number = 1; number <= count; number++) demo.client.relay(to, 'signal', { number })
    }"""
    await ann.page.evaluate(burst, [await ben.peer_id(), BURST])
    await until(lambda: any("number" in frame for frame in ben.received), "Ben has a first signal")
    os.kill(demo.sidecar.pid, signal.SIGKILL)
    await ben.page.wait_for_function("!demo.client.joined")
    received = Counter(message(frame) for person in (ann, ben) for frame in person.received if frame["type"] in RELAYED)
    relayed = (record for record in demo.sidecar.records() if record["type"] == "signal.relayed")
    logged = Counter(message({**json.loads(record["data"]), "from": record["peer"]}) for record in relayed)
    assert received
    assert received <= logged


RELAYED = ("offer", "answer", "candidate", "signal")


def message(frame: dict[str, Any]) -> str:
    """A text by which a frame in the log and the same frame at its receiver can be matched."""
    return json.dumps({key: value for key, value in frame.items() if key not in ("to", "s", "ca")}, sort_keys=True)
