"""`mesh` on real sockets: a newcomer sends an offer to every peer, and frames arrive unchanged, byte for byte."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.mesh_client import CANONICAL, ORIGINAL, joined, text
from tests.kit.serving import Served


async def test_half_an_emoji_in_a_first_frame_on_the_shared_path_is_accepted(served: Served) -> None:
    peer = await served.connect("/ws")
    assert await peer.ask({"type": "join", "peerId": "A", "name": "\ud83d"}) == {"type": "peer-list", "peers": []}


async def test_three_peers_join_in_turn_and_connect_to_each_other(served: Served) -> None:
    a, b, c = [await served.connect(CANONICAL) for _ in range(3)]
    assert await a.ask('{"type":"join","peerId":"A"}') == {"type": "peer-list", "peers": []}
    assert await b.ask('{"type":"join","peerId":"B"}') == {"type": "peer-list", "peers": ["A"]}
    assert await a.receive() == {"type": "peer-joined", "peerId": "B"}
    assert await c.ask('{"type":"join","peerId":"C"}') == {"type": "peer-list", "peers": ["A", "B"]}
    for present in (a, b):
        assert await present.receive() == {"type": "peer-joined", "peerId": "C"}
    people = {"A": a, "B": b, "C": c}
    for newcomer, present in (("B", "A"), ("C", "A"), ("C", "B")):
        for sender, receiver, kind in (
            (newcomer, present, "offer"),
            (present, newcomer, "answer"),
            (newcomer, present, "candidate"),
            (present, newcomer, "candidate"),
        ):
            body = {"candidate": {"candidate": "", "sdpMid": "0"}} if kind == "candidate" else {"sdp": f"v=0 {sender}"}
            frame = {"type": kind, "from": sender, "to": receiver, **body}
            await people[sender].send(frame)
            assert await people[receiver].receive() == frame
    await b.socket.close()
    for left in (a, c):
        assert await left.receive() == {"type": "peer-left", "peerId": "B"}
        await left.hears_nothing()


@pytest.mark.parametrize(
    "frame",
    [
        '{"type":"offer","from":"B","to":"A","sdp":"v=0\\r\\n"}',
        ' { "to" : "A" ,\n"type":"answer",  "sdp":"\\u0041\\/", "from":"B" }  ',
        '{"type":"candidate","to":"A","from":"B","candidate":{"candidate":"é 🙂"},"s":1,"id":[1.50,1e2]}',
        '{"type":"offer","to":"A","sdp":"no sender"}',
        '{"type":"offer","from":null,"to":"A","sdp":"x","sdp":"y"}',
        '{"type":"anything","from":"B","to":"A"}',
        '{"to":"A"}',
    ],
)
async def test_a_frame_for_one_peer_reaches_it_byte_for_byte(served: Served, frame: str) -> None:
    a = await joined(served, "A")
    b = await joined(served, "B", a)
    c = await joined(served, "C", a, b)
    await b.send(frame)
    assert await text(a) == frame
    for other in (b, c):
        await other.hears_nothing()
    (record,) = served.records("signal.relayed")
    assert (record["peer"], record["to"], record["bytes"]) == ("B", "A", len(frame.encode()))


@pytest.mark.parametrize(
    "frame", ['{"type":"hi"}', '{"type":"hi","to":null,"from":"B"}', '{"type":"hi","to":""}', '{"x":1}']
)
async def test_a_frame_without_a_receiver_is_sent_to_all_others(served: Served, frame: str) -> None:
    a = await joined(served, "A")
    b = await joined(served, "B", a)
    c = await joined(served, "C", a, b)
    await b.send(frame)
    assert [await text(a), await text(c)] == [frame, frame]
    await b.hears_nothing()


async def test_a_frame_to_oneself_comes_back(served: Served) -> None:
    a = await joined(served, "A")
    assert await a.ask({"type": "offer", "to": "A", "from": "A"}) == {"type": "offer", "to": "A", "from": "A"}


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"type": "offer", "from": "B", "to": "nobody", "sdp": "v=0"}, "no-such-peer"),
        ({"type": "offer", "from": "A", "to": "A", "sdp": "v=0"}, "forged-from"),
        ({"type": "offer", "from": "A", "sdp": "v=0"}, "forged-from"),
        ({"type": "offer", "from": 7, "to": "A"}, "bad-field"),
        ({"type": "offer", "from": "B", "to": ["A"]}, "bad-field"),
        ({"type": "peer-list", "peers": []}, "unknown-type"),
        ({"type": "peer-list", "peers": [], "to": "A"}, "unknown-type"),
        ({"type": "peer-joined", "peerId": "X"}, "unknown-type"),
        ({"type": "peer-left", "peerId": "A", "to": "A"}, "unknown-type"),
        ({"type": "peer-left", "peerId": "A", "from": "B"}, "unknown-type"),
        ("[]", "bad-json"),
        ("{", "bad-json"),
        (b"{}", "bad-json"),
    ],
)
async def test_invalid_frames_are_dropped_and_recorded(served: Served, frame: Any, code: str) -> None:
    a = await joined(served, "A")
    b = await joined(served, "B", a)
    await b.send(frame)
    for peer in (a, b):
        await peer.hears_nothing()
    (record,) = served.records("signal.refused")
    assert (record["room"], record["peer"], record["data"]["code"]) == ("mesh", "B", code)
    await b.send({"type": "offer", "to": "A"})
    assert (await a.receive())["type"] == "offer"


async def test_a_second_join_on_a_connection_changes_nothing(served: Served) -> None:
    a = await joined(served, "A")
    b = await joined(served, "B", a)
    for again in ("B", "B2", "A"):
        await b.send({"type": "join", "peerId": again})
    for peer in (a, b):
        await peer.hears_nothing()
    assert served.refusals() == []
    await a.send({"type": "offer", "to": "B"})
    assert (await b.receive())["type"] == "offer"


@pytest.mark.parametrize("path", [CANONICAL, ORIGINAL])
@pytest.mark.parametrize(
    "frame",
    ['{"type":"join"}', '{"type":"join","peerId":""}', '{"type":"join","peerId":7}', '{"type":"offer"}', "join", b"{}"],
)
async def test_a_connection_that_does_not_begin_with_a_join_is_closed(
    served: Served, frame: str | bytes, path: str
) -> None:
    a = await joined(served, "A")
    stranger = await served.connect(path)
    await stranger.send(frame)
    assert (await stranger.closed())[0] == 1008
    await a.hears_nothing()


async def test_both_paths_use_the_same_room_and_the_query_selects_another(served: Served) -> None:
    a = await joined(served, "A")
    b = await joined(served, "B", a, path=ORIGINAL)
    other = await joined(served, "C", path=f"{CANONICAL}?room=other")
    await joined(served, "D", other, path=f"{ORIGINAL}?room=other")
    for peer in (a, b):
        await peer.hears_nothing()
    await b.send({"type": "offer", "to": "C"})
    await other.hears_nothing()
    assert {record["room"] for record in served.records("peer.joined")} == {"mesh", "other"}


async def test_strict_mode_joins_twice_and_nobody_notices(served: Served) -> None:
    a = await joined(served, "A")
    first = await joined(served, "B", a)
    second = await served.connect(CANONICAL)
    assert await second.ask({"type": "join", "peerId": "B"}) == {"type": "peer-list", "peers": ["A"]}
    assert await first.closed() == (4001, "replaced")
    await first.socket.close()
    for peer in (a, second):
        await peer.hears_nothing()
    await a.send({"type": "offer", "to": "B"})
    assert (await second.receive())["type"] == "offer"
    await second.socket.close()
    assert await a.receive() == {"type": "peer-left", "peerId": "B"}
    await a.hears_nothing()


async def test_a_connection_that_closes_before_it_joined_is_not_announced(served: Served) -> None:
    a = await joined(served, "A")
    await (await served.connect(CANONICAL)).socket.close()
    await joined(served, "B", a)
    await a.hears_nothing()


async def test_the_newest_connection_always_replaces_the_older_one(served: Served) -> None:
    a = await joined(served, "A")
    newest = await joined(served, "B", a)
    for _ in range(8):
        older, newest = newest, await joined(served, "B")
        assert await older.closed() == (4001, "replaced")
    await a.hears_nothing()


@pytest.mark.parametrize("code", [1000, 1001, 4999, None])
async def test_every_end_of_a_connection_is_announced_as_a_leave(served: Served, code: int | None) -> None:
    a = await joined(served, "A")
    b = await joined(served, "B", a)
    if code is None:
        b.socket._response.connection.transport.abort()  # type: ignore[union-attr]
    else:
        await b.socket.close(code=code)
    assert await a.receive() == {"type": "peer-left", "peerId": "B"}
    await a.hears_nothing()
