"""`mesh` drops frames with a forged sender in any spelling, and refuses invalid joins. Other peers notice nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from tests.kit.mesh_client import CANONICAL, ORIGINAL, joined, text
from tests.kit.serving import Peer, Served, serve


async def three(served: Served) -> tuple[Peer, Peer, Peer]:
    a = await joined(served, "A")
    b = await joined(served, "B", a)
    return a, b, await joined(served, "C", a, b)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ('{"\\u0066rom":"C","to":"A","type":"offer"}', "forged-from"),
        ('{"from":"\\u0043","to":"A","type":"offer"}', "forged-from"),
        ('{"from":"B","to":"A","type":"offer","from":"C"}', "forged-from"),
        ('{"from":"B","to":"A","type":"offer","\\u0066rom":"C"}', "forged-from"),
        ('{"from":"","to":"A","type":"offer"}', "forged-from"),
        ('{"from":"b","to":"A","type":"offer"}', "forged-from"),
        ('{"from":"B ","to":"A","type":"offer"}', "forged-from"),
        ('{"from":"C","to":"B","type":"offer"}', "forged-from"),
        ('{"\\u0074ype":"peer\\u002dleft","peerId":"A"}', "unknown-type"),
        ('{"type":"offer","to":"A","type":"peer-joined","peerId":"X"}', "unknown-type"),
        ('{"type":"peer-list","peers":["X"],"to":""}', "unknown-type"),
        ('{"type":"peer-list","peers":["X"],"to":null}', "unknown-type"),
        ('{"type":"peer-list","peers":["X"],"to":"B","from":"B"}', "unknown-type"),
        ('{"type":"offer","to":"a"}', "no-such-peer"),
        ('{"type":"offer","to":" "}', "no-such-peer"),
        ('{"type":"offer","to":"A","to":"nobody"}', "no-such-peer"),
        ('{"type":"offer","to":{"A":1}}', "bad-field"),
        ('{"type":"offer","to":false}', "bad-field"),
    ],
)
async def test_a_forged_sender_is_dropped_in_any_spelling(served: Served, frame: str, code: str) -> None:
    a, b, c = await three(served)
    await b.send(frame)
    for peer in (a, b, c):
        await peer.hears_nothing()
    (record,) = served.records("signal.refused")
    assert (record["peer"], record["kind"], record["data"]["code"]) == ("B", json.loads(frame)["type"], code)


@pytest.mark.parametrize(
    "frame",
    [
        '{"to":"A","sdp":01}',
        '{"to":"A","sdp":NaN}',
        '{"to":"A","sdp":"a\nb"}',
        '{"to":"A","sdp":"\\x"}',
        '{"to":"A","sdp":[1,]}',
        '{"to":"A",}',
        '{"to":"A"}{"to":"A"}',
        '\ufeff{"to":"A"}',
        "{'to':'A'}",
    ],
)
async def test_frames_that_json_parsers_reject_are_not_relayed(served: Served, frame: str) -> None:
    a, b, c = await three(served)
    await b.send(frame)
    for peer in (a, b, c):
        await peer.hears_nothing()
    assert served.refusals() == ["bad-json"]


async def test_the_last_of_two_receivers_counts_as_it_does_for_a_browser(served: Served) -> None:
    a, b, c = await three(served)
    frame = '{"type":"offer","to":"A","from":"C","to":"C","from":"B"}'
    await b.send(frame)
    assert await text(c) == frame
    await a.hears_nothing()


async def test_a_frame_without_a_sender_is_relayed_unchanged_to_all(served: Served) -> None:
    a, b, c = await three(served)
    await b.send('{"type":"hello"}')
    for other in (a, c):
        assert await text(other) == '{"type":"hello"}'
    await b.hears_nothing()


@pytest.mark.parametrize("path", [CANONICAL, ORIGINAL])
@pytest.mark.parametrize(
    "first",
    [
        {"type": "join", "peerId": "x" * 129},
        {"type": "join", "peerId": "é" * 65},
        {"type": "join", "peerId": "a\nb"},
        {"type": "join", "peerId": None},
        {"type": "Join", "peerId": "X"},
        {"type": "leave"},
        {"type": "peer-left", "peerId": "A"},
        {"to": "A", "from": "A"},
        [],
        {},
    ],
)
async def test_an_invalid_first_frame_closes_the_connection_and_later_frames_are_ignored(
    served: Served, first: object, path: str
) -> None:
    a = await joined(served, "A")
    stranger = await served.connect(path)
    for frame in (first, {"type": "join", "peerId": "X"}, {"type": "offer", "to": "A"}):
        await stranger.send(json.dumps(frame))
    assert (await stranger.closed())[0] == 1008
    await a.hears_nothing()
    assert [record["peer"] for record in served.records("peer.joined")] == ["A"]
    assert len(served.refusals()) == 1


async def test_a_full_room_refuses_joins_until_a_peer_leaves(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path, max_peers_per_room=2)
    a = await joined(served, "A")
    b = await joined(served, "B", a)
    third = await served.connect(CANONICAL)
    await third.send({"type": "join", "peerId": "C"})
    assert await third.closed() == (1008, "room-full")
    newer = await joined(served, "B")  # a peer in the room may join again
    assert await b.closed() == (4001, "replaced")
    await newer.socket.close()
    assert await a.receive() == {"type": "peer-left", "peerId": "B"}
    await joined(served, "C", a)


@pytest.mark.parametrize("path", [CANONICAL, ORIGINAL])
async def test_a_request_without_an_upgrade_is_answered_with_426(served: Served, path: str) -> None:
    assert (await served.client.get(path)).status == 426


async def test_the_room_is_listed_nowhere(served: Served) -> None:
    lobby = await served.connect()
    assert await lobby.ask({"type": "watch_rooms"}) == {"type": "rooms", "rooms": []}
    await three(served)
    await lobby.hears_nothing()
    assert await (await served.client.get("/ws/signaling/rooms")).json() == {"rooms": []}
