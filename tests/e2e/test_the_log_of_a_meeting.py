"""The event log of a meeting of real browsers, and the tables and the ladder that show it.

`make record` saves the log for the first notebook, and a picture of the room for the README.
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pandas as pd
import pytest
from playwright.async_api import Browser, expect

from signaling_sidecar.inspection import EventLog, Ladder, open_log
from tests.e2e.demo_page import all_connected, meet, new_page
from tests.e2e.network_of_a_page import Network
from tests.e2e.pictures import picture_the_room
from tests.e2e.recording import end, record
from tests.kit.programs import until
from tests.kit.sites import Site

ROOM = "bar"


async def meeting(demo: Site, browser: Browser, pictures: Path | None) -> dict[str, str]:
    """Let three people join one after the other.

    Ben leaves and returns, Ann reloads the page, and Cleo loses the network.

    Returns a dict from each name to the peer id. If a folder for pictures is given, a picture is taken when all are
    connected.
    """
    people = ann, ben, cleo = [await new_page(browser, name) for name in ("Ann", "Ben", "Cleo")]
    network = await Network.of(cleo.page)
    await meet(demo.url, ROOM, *people)
    peers = {person.name: await person.peer_id() for person in people}
    if pictures is not None:
        await ann.say("hi, everybody!")
        await ben.reads("hi, everybody!")
        await ben.say("hello")
        await cleo.reads("hello")
        await picture_the_room(cleo.page, pictures)

    await ben.leave()
    await cleo.reads("Ben left")
    await cleo.page.evaluate("to => demo.client.relay(to, 'signal', { text: 'one more thing' })", peers["Ben"])
    await ben.join(ROOM)
    await all_connected(*people)

    await ann.page.reload()
    await all_connected(*people)

    await network.cut()
    await expect(cleo.banner).to_be_visible()
    await expect(cleo.banner).to_be_hidden()
    await cleo.page.wait_for_function("window.demo?.client.joined")

    for person in people:
        await person.leave()
        await expect(person.room_card(ROOM)).to_be_visible()
    await until(lambda: any(each["type"] == "room.ended" for each in demo.sidecar.records()), "all have left")
    assert [person.faults for person in people] == [[], [], []]
    return peers


def assert_sessions_say_who_was_where_when(log: EventLog, peers: dict[str, str]) -> None:
    sessions = log.sessions.set_index("name")
    assert list(log.sessions["name"]) == ["Ann", "Ben", "Cleo", "Ben"]
    assert dict(zip(log.sessions["name"], log.sessions["peer"], strict=True)) == peers
    assert list(log.sessions["reason"]) == ["left"] * 4
    assert log.sessions["joined"].is_monotonic_increasing
    assert (log.sessions["left"] > log.sessions["joined"]).all()
    first, second = log.sessions[log.sessions["name"] == "Ben"].itertuples()
    assert second.joined > first.left
    assert sessions.loc["Ann", ["connections", "pages", "times_away"]].to_list() == [2, 2, 1]
    assert sessions.loc["Cleo", ["connections", "pages", "times_away"]].to_list() == [2, 1, 1]


def assert_rooms_and_refusals(log: EventLog, peers: dict[str, str]) -> None:
    room = log.rooms.iloc[0]
    assert (len(log.rooms), room["room"], room["peers_most"], room["sessions"]) == (1, ROOM, 3, 4)
    assert pd.notna(room["ended"])
    refused = log.signals[log.signals["outcome"] == "refused"]
    assert refused[["peer", "to", "code"]].astype(str).to_numpy().tolist() == [
        [peers["Cleo"], peers["Ben"], "no-such-peer"]
    ]


def assert_ladder_shows_how_each_pair_was_connected(ladder: Ladder) -> None:
    """The newcomer sends the offer, and the other peer answers. Each peer's candidates follow its description."""
    assert [column.name for column in ladder.columns] == ["Ann", "Ben", "Cleo"]
    arrows = [step for step in ladder.steps if step.look in ("offer", "answer", "candidate")]
    for earlier, newcomer in combinations(range(3), 2):
        between = [step for step in arrows if {step.column, *step.to} == {earlier, newcomer}]
        first = {side: [step.look for step in between if step.column == side] for side in (earlier, newcomer)}
        assert between[0].column == newcomer
        assert first[newcomer][:2] == ["offer", "candidate"]
        assert first[earlier][:2] == ["answer", "candidate"]


async def test_the_log_contains_all_sessions_and_how_each_pair_was_connected(
    demo: Site, browser: Browser, request: pytest.FixtureRequest
) -> None:
    peers = await meeting(demo, browser, request.config.getoption("record_pictures"))
    await end(demo)

    log = open_log(demo.sidecar.state_dir)
    assert log.events["type"].iloc[-1] == "server.stopped"
    assert_sessions_say_who_was_where_when(log, peers)
    assert_rooms_and_refusals(log, peers)
    assert_ladder_shows_how_each_pair_was_connected(log.ladder(ROOM))
    record(demo, request.config, "three-peers")
