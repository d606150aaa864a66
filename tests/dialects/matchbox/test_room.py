"""`matchbox` on real sockets: the URL names the room, the sidecar speaks first, and earlier peers send offers."""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable
from urllib.parse import quote

import aiohttp
import pytest
from yarl import URL

from tests.kit.matchbox_client import PATH, arrives, signals
from tests.kit.receiving import receive
from tests.kit.serving import Peer, Served

CANDIDATE = {"candidate": "candidate:1 1 udp 1 192.0.2.1 5000 typ host", "sdpMid": "0", "sdpMLineIndex": 0}


async def test_three_peers_meet_in_turn_and_connect_to_each_other(served: Served) -> None:
    a = await arrives(served, "/bar")
    b = await arrives(served, "/bar", a[1])
    c = await arrives(served, "/bar", a[1], b[1])
    assert len({a[0], b[0], c[0]}) == 3
    assert all(str(uuid.UUID(id_)) == id_ and uuid.UUID(id_).version == 4 for id_, _ in (a, b, c))
    for present, newcomer in ((a, b), (a, c), (b, c)):
        await signals({"Offer": "v=0\r\n"}, present, newcomer)
        await signals({"Answer": "v=0\r\n"}, newcomer, present)
        for sender, receiver in ((present, newcomer), (newcomer, present)):
            await signals({"IceCandidate": json.dumps(CANDIDATE)}, sender, receiver)
            await signals({"IceCandidate": "null"}, sender, receiver)
    await b[1].socket.close()
    for _, left in (a, c):
        assert await left.receive() == {"PeerLeft": b[0]}
        await left.hears_nothing()


async def test_a_relayed_signal_is_written_as_the_crate_writes_it(served: Served) -> None:
    a = await arrives(served, "/bar")
    b = await arrives(served, "/bar", a[1])
    frame = ' { "Signal" : {"data": {"Offer" : "\\u00e9 🙂", "n":1.50}, "extra":1, "receiver":"B"} } '
    await a[1].send(frame.replace('"B"', f'"{b[0]}"'))
    message = await receive(b[1].socket)
    assert message.type is aiohttp.WSMsgType.TEXT
    assert message.data == f'{{"Signal":{{"sender":"{a[0]}","data":{{"Offer" : "\\u00e9 🙂", "n":1.50}}}}}}'


@pytest.mark.parametrize("frame", ['"KeepAlive"', '{"KeepAlive":null}'])
async def test_a_keep_alive_is_neither_answered_nor_refused(served: Served, frame: str) -> None:
    _, a = await arrives(served, "/bar")
    await a.send(frame)
    await a.hears_nothing()
    assert served.refusals() == []


async def close_4000(peer: Peer) -> None:
    await peer.socket.close(code=4000)


async def close_as_a_browser(peer: Peer) -> None:
    await peer.socket.close(code=1001)


@pytest.mark.parametrize("end", [close_4000, close_as_a_browser])
async def test_a_peer_whose_connection_ends_in_any_way_is_gone_at_once(
    served: Served, end: Callable[[Peer], Awaitable[None]]
) -> None:
    _, a = await arrives(served, "/bar")
    id_, b = await arrives(served, "/bar", a)
    await end(b)
    assert await a.receive() == {"PeerLeft": id_}


@pytest.mark.parametrize(
    "frame",
    [
        {"Signal": {"receiver": "5e3b45c0-3bb4-4d3c-b45b-7c1a6a1f6f38", "data": {"Offer": "v=0"}}},
        {"Signal": {"receiver": "", "data": {"Offer": "v=0"}}},
        {"Signal": {"receiver": None, "data": {"Offer": "v=0"}}},
        {"Signal": {"receiver": "SECOND"}},
        {"Signal": {"data": {"Offer": "v=0"}}},
        {"Signal": None},
        {"Signal": {"receiver": "SECOND", "data": 1}, "More": 1},
        {"PeerLeft": "SECOND"},
        "Signal",
        "Hello",
        {},
        [],
        7,
        "{",
    ],
    ids=str,
)
async def test_what_cannot_be_delivered_is_dropped_and_recorded(served: Served, frame: object) -> None:
    _, a = await arrives(served, "/bar")
    id_, b = await arrives(served, "/bar", a)
    text = frame if frame == "{" else json.dumps(frame).replace("SECOND", id_)
    await a.send(str(text))
    for peer in (a, b):
        await peer.hears_nothing()
    assert len(served.refusals()) == 1
    assert len(served.records("signal.relayed")) == 0


@pytest.mark.parametrize(
    ("urls", "room"),
    [
        (("", "/", "/matchbox"), "matchbox"),
        (("/a%2Fb",), "a/b"),
        (("/caf%C3%A9%20bar", "/caf%c3%a9%20bar?token=1"), "café bar"),
        (("/100%25%3Fnext=2%232", "/100%25%3Fnext%3D2%232"), "100%25%3Fnext=2%232"),
        (("/bar", "/bar?next=0", "/bar?next=", "/bar?next=-2", "/bar?next=two", "/bar?next=2.0", "/bar?next=²"), "bar"),
    ],
)
async def test_urls_of_one_room(served: Served, urls: tuple[str, ...], room: str) -> None:
    here: list[Peer] = []
    for url in urls:
        here.append((await arrives(served, quote(url, safe="/?=%&."), *here))[1])
    assert {record["room"] for record in served.records("peer.joined")} == {room}


@pytest.mark.parametrize("room", ["b%0Aar", "%1B%5B31m", "r" * 129])
async def test_a_room_id_that_is_not_allowed_is_refused(served: Served, room: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await served.connect(URL(f"{PATH}/{room}", encoded=True))
    assert refused.value.status == 400
