"""Features of the dialect interface that only the test dialect `club` uses, on real sockets."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.dialects import DIALECTS, Caller
from signaling_sidecar.hub import RoomKey
from signaling_sidecar.hub.commands import Enqueue, Kick
from signaling_sidecar.server.sockets import connection as connections
from tests.kit.club import CLUB, PATH
from tests.kit.serving import Peer, Served, serve


@pytest.fixture(autouse=True)
def club(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DIALECTS, CLUB.name, CLUB)


@pytest.fixture
async def served(aiohttp_client: AiohttpClient, tmp_path: Path) -> Served:
    return await serve(aiohttp_client, tmp_path / "state")


async def guest(served: Served, name: str, *rooms: str) -> Peer:
    """Connect a client, read its greeting, and let it enter rooms."""
    peer = await served.connect(f"{PATH}?name={name}")
    assert await peer.receive() == {"event": "hello", "you": name}
    if rooms:
        await peer.send({"id": 0, "do": "enter", "rooms": list(rooms)})
        for room in rooms:
            assert (await peer.receive())["result"]["room"] == room
    return peer


async def test_the_server_sends_the_first_frame_with_an_id_for_each_connection(served: Served) -> None:
    greetings = [await (await served.connect(PATH)).receive() for _ in range(2)]
    first, second = (greeting["you"] for greeting in greetings)
    assert len(first) >= 32
    assert first != second


async def test_one_frame_enters_several_rooms_and_each_answer_repeats_its_id(served: Served) -> None:
    ann = await guest(served, "ann")
    await ann.send({"id": [7], "do": "enter", "rooms": ["bar", "den"]})
    answers = [await ann.receive(), await ann.receive()]
    assert [(answer["id"], answer["result"]["room"]) for answer in answers] == [([7], "bar"), ([7], "den")]
    assert await ann.ask({"id": "x", "do": "ping"}) == {"id": "x", "result": {"pong": True}}
    assert await ann.ask({"id": 8, "do": "rooms"}) == {"id": 8, "result": {"rooms": ["bar", "den"]}}
    assert await ann.ask({"id": 9, "do": "leave", "rooms": ["bar"]}) == {"id": 9, "result": {"left": "bar"}}


async def test_a_frame_goes_to_the_room_that_it_names_and_is_confirmed(served: Served) -> None:
    ann, ben = await guest(served, "ann", "bar", "den"), await guest(served, "ben", "bar")
    cleo = await guest(served, "cleo", "den")
    assert [(await ann.receive())["room"] for _ in range(2)] == ["bar", "den"]
    assert await ann.ask({"id": 3, "do": "say", "room": "den", "text": "hi"}) == {"id": 3, "result": {"done": "say"}}
    assert await cleo.receive() == {"said": "hi", "room": "den", "from": "ann"}
    await ben.hears_nothing()
    assert await ann.ask({"id": 4, "do": "rename", "room": "bar", "text": "Ann"}) == {
        "id": 4,
        "result": {"done": "rename"},
    }
    assert await ben.receive() == {"event": "renamed", "room": "bar", "peer": "ann"}


async def test_the_first_of_several_refusals_in_a_frame_is_sent_and_all_are_recorded(served: Served) -> None:
    ann = await guest(served, "ann", "bar", "den")
    await ann.send({"id": 5, "do": "enter", "rooms": ["attic", "cellar", "roof"]})
    assert (await ann.receive())["result"]["room"] == "attic"
    assert await ann.receive() == {"id": 5, "error": "too-many-rooms", "room": "cellar"}
    await ann.hears_nothing()
    refused = served.records("signal.refused")
    assert [(record["room"], record["data"]["code"]) for record in refused] == [
        ("cellar", "too-many-rooms"),
        ("roof", "too-many-rooms"),
    ]


async def test_the_end_of_a_connection_in_several_rooms_is_recorded_once_and_announced_in_each(served: Served) -> None:
    ann, ben = await guest(served, "ann", "bar", "den"), await guest(served, "ben", "bar", "den")
    await asyncio.gather(ann.receive(), ann.receive())
    await ben.socket.close()
    assert [await ann.receive(), await ann.receive()] == [
        {"event": "left", "room": room, "peer": "ben", "why": "closed"} for room in ("bar", "den")
    ]
    (closed,) = served.records("connection.closed")
    assert not {"room", "peer", "session"} & closed.keys()
    await ann.ask({"id": 1, "do": "leave", "rooms": ["den"]})
    await ann.socket.close()
    await served.settled()
    (_, closed) = served.records("connection.closed")
    assert (closed["room"], closed["peer"]) == ("bar", "ann")


async def test_a_connection_that_loses_one_room_to_a_newer_one_keeps_the_other(served: Served) -> None:
    ann = await guest(served, "ann", "bar", "den")
    newer = await guest(served, "ann", "bar")
    assert await ann.receive() == {"event": "lost", "room": "bar", "why": "replaced"}
    assert await ann.ask({"id": 1, "do": "say", "room": "den", "text": "hi"}) == {"id": 1, "result": {"done": "say"}}
    await newer.send({"id": 2, "do": "enter", "rooms": ["den"]})
    assert (await ann.closed())[0] == 4001


async def test_the_admin_removes_a_peer_from_one_room(served: Served) -> None:
    ann = await guest(served, "ann", "bar", "den")
    await served.sidecar.rooms.administer(Kick(RoomKey("club", "bar"), "ann"))
    assert await ann.receive() == {"event": "lost", "room": "bar", "why": "removed"}
    assert (await ann.ask({"id": 1, "do": "enter", "rooms": ["bar"]}))["error"] == "barred"


async def test_sessions_in_several_rooms_survive_a_restart(
    served: Served, aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    await guest(served, "ann", "bar", "den")
    await served.stop()
    next_one = await serve(aiohttp_client, tmp_path / "state")
    ben = await guest(next_one, "ben")
    await ben.send({"id": 1, "do": "enter", "rooms": ["bar", "den"]})
    assert [(await ben.receive())["result"]["peers"] for _ in range(2)] == [["ann"], ["ann"]]


@pytest.mark.one_sidecar("the first message may need longer than the short time of this test")
async def test_a_client_that_joined_by_the_handshake_may_send_nothing(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "FIRST_FRAME_WITHIN_S", 0.05)
    listener = await served.connect(f"{PATH}?name=ann&enter=bar")
    greeted = await served.connect(PATH)
    silent = await served.connect("/ws/signaling")
    assert await listener.receive() == {"event": "hello", "you": "ann"}
    assert (await listener.receive())["result"]["room"] == "bar"
    assert (await silent.closed()) == (1008, "idle")
    assert (await greeted.receive())["event"] == "hello"
    await guest(served, "ben", "bar")
    assert (await listener.receive())["event"] == "entered"


async def test_a_client_that_waits_for_a_group_may_send_nothing(
    aiohttp_client: AiohttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin(caller: Caller, at_ms: int) -> Enqueue:
        return Enqueue(
            kind="handshake",
            connection=caller.connection,
            dialect="match",
            peer=caller.introduction.peer,
            size=2,
            at_ms=at_ms,
        )

    monkeypatch.setattr(connections, "FIRST_FRAME_WITHIN_S", 0.05)
    monkeypatch.setitem(DIALECTS, "match", replace(DIALECTS["match"], begin=begin))
    served = await serve(aiohttp_client, tmp_path / "state")
    waiting = await served.connect("/ws/signaling/match?userId=ann")
    silent = await served.connect("/ws/signaling")
    assert await silent.closed() == (1008, "idle")
    await served.connect("/ws/signaling/match?userId=ben")
    assert (await waiting.receive())["peers"] == ["ann", "ben"]


async def test_on_the_shared_path_the_greeting_follows_the_first_frame(served: Served) -> None:
    peer = await served.connect("/ws")
    await peer.send({"id": 1, "do": "enter", "rooms": ["bar"]})
    # The kind `enter` of the first frame has chosen the dialect `club`.
    assert (await peer.receive())["event"] == "hello"
    assert (await peer.receive())["result"]["room"] == "bar"


async def test_the_frame_budget_grows_with_the_rooms(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path / "state", max_frames_per_s=10)
    ann = await guest(served, "ann")
    told = [
        (await ann.ask({"id": 1, "do": "enter", "rooms": [room]}))["result"]["framesPerSecond"]
        for room in ("bar", "den", "bar")
    ]
    assert told == [20, 40, 40]
    await ann.ask({"id": 1, "do": "leave", "rooms": ["den"]})
    assert (await ann.ask({"id": 1, "do": "enter", "rooms": ["bar"]}))["result"]["framesPerSecond"] == 20


@pytest.mark.parametrize("frame", [{"do": "dance", "id": 1}, {"do": "enter"}, {"do": "enter", "rooms": [3]}, "{"])
async def test_an_invalid_frame_causes_one_error(served: Served, frame: Any) -> None:
    ann = await guest(served, "ann", "bar")
    assert "error" in await ann.ask(frame)
    assert await ann.ask({"id": "x", "do": "ping"}) == {"id": "x", "result": {"pong": True}}


async def test_a_room_that_cannot_be_read_costs_one_error_and_the_others_are_entered(served: Served) -> None:
    ann = await guest(served, "ann", "bar")
    await ann.send({"id": 1, "do": "enter", "rooms": ["", "den"]})
    assert (await ann.receive())["error"] == "bad-field"
    assert (await ann.receive())["result"]["room"] == "den"


async def test_an_id_that_is_too_long_is_not_repeated(served: Served) -> None:
    ann = await guest(served, "ann", "bar")
    assert await ann.ask({"id": "x" * 127, "do": "ping"}) == {"result": {"pong": True}}
    assert await ann.ask({"id": "x" * 126, "do": "ping"}) == {"id": "x" * 126, "result": {"pong": True}}


async def test_each_command_of_a_frame_counts_as_a_frame(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path / "state", max_frames_per_s=1, max_frames_burst=10)
    ann = await guest(served, "ann")
    await ann.send({"id": 1, "do": "leave", "rooms": ["bar"] * 60})
    assert (await ann.receive())["error"] == "not-joined"
    assert (await ann.ask({"id": 2, "do": "ping"}))["error"] == "too-fast"


async def test_a_frame_with_too_many_commands_is_refused_completely(served: Served) -> None:
    ann = await guest(served, "ann", "bar")
    await ann.send({"id": 1, "do": "leave", "rooms": ["bar"] * 1000})
    assert (await ann.receive())["error"] == "too-large"
    await ann.ask({"id": 2, "do": "ping"})
    (refused,) = served.records("signal.refused")
    assert "1000 commands" in refused["data"]["message"]
    assert (await ann.ask({"id": 3, "do": "say", "room": "bar", "text": "hi"}))["result"]
