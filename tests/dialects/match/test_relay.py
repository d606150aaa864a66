"""`match` on real sockets: which fields of a frame are relayed, to which users, and with which sender id.

Invalid frames are ignored, or recorded as refused.
"""

from __future__ import annotations

from typing import Any

import pytest
from yarl import URL

from tests.kit.match_client import PATHS, asks, group, user, waiting
from tests.kit.serving import Peer, Served

SDP = {"type": "offer", "sdp": 'v=0\r\no=- 1 "é" \\'}


async def spelled(served: Served, query: str, path: str = PATHS[0]) -> Peer:
    """Connect a user whose URL contains exactly this text as the value of `userId`."""
    url = URL(f"{served.client.make_url(path)}?userId={query}", encoded=True)
    return Peer(await served.client.session.ws_connect(url), served.settled)


@pytest.mark.parametrize("kind", ["offer", "answer", "ice-candidate"])
@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ({"sdp": SDP}, {"sdp": SDP}),
        ({"sdp": "v=0"}, {"sdp": "v=0"}),
        ({"sdp": None}, {"sdp": None}),
        ({"candidate": {"candidate": "", "sdpMid": None}}, {"candidate": {"candidate": "", "sdpMid": None}}),
        ({"candidate": None}, {"candidate": None}),
        ({"candidate": 0, "sdp": False}, {"sdp": False, "candidate": 0}),
        ({}, {}),
        ({"peers": ["x"], "roomId": "r", "id": 1, "userId": "u3", "sdp2": 1, "Sdp": 1, "timestamp": 5}, {}),
    ],
)
async def test_only_the_fields_type_from_sdp_and_candidate_are_relayed(
    served: Served, kind: str, body: dict[str, Any], kept: dict[str, Any]
) -> None:
    a, b = await group(served, "u1", "u2")
    await a.send({"type": kind, "to": "u2", "from": "u1", **body})
    assert await b.receive() == {"type": kind, "from": "u1", **kept}
    await b.send({"type": kind, "to": "u1", **body})
    assert await a.receive() == {"type": kind, "from": "u2", **kept}


async def test_three_users_of_a_group_can_send_to_each_other(served: Served) -> None:
    names = ("u1", "u2", "u3")
    people = dict(zip(names, await group(served, *names), strict=True))
    for sender in names:
        for to in set(names) - {sender}:
            await people[sender].send({"type": "offer", "to": to, "from": sender, "sdp": f"{sender}>{to}"})
            assert await people[to].receive() == {"type": "offer", "from": sender, "sdp": f"{sender}>{to}"}
    for peer in people.values():
        await peer.hears_nothing()


async def test_nothing_is_relayed_to_other_groups_or_waiting_users(served: Served) -> None:
    a, b = await group(served, "u1", "u2")
    c, d = await group(served, "u3", "u4")
    e = await waiting(served, "u5", 2)
    for to in ("u3", "u4", "u5", "", "*", "all"):
        await a.send({"type": "offer", "to": to, "from": "u1", "sdp": "leak"})
    for peer in (a, b, c, d, e):
        await peer.hears_nothing()
    assert served.refusals() == ["no-such-peer"] * 6


async def test_a_user_with_a_new_request_cannot_exchange_frames_with_its_old_group(served: Served) -> None:
    a, b, c = await group(served, "u1", "u2", "u3")
    await a.send(asks(2))
    await served.settled()
    await a.send({"type": "offer", "to": "u2"})
    await b.send({"type": "offer", "to": "u1"})
    await b.send({"type": "offer", "to": "u3"})
    assert await c.receive() == {"type": "offer", "from": "u2"}
    for peer in (a, b):
        await peer.hears_nothing()
    assert served.refusals() == ["not-joined", "no-such-peer"]


@pytest.mark.parametrize(
    ("query", "name", "own_spellings"),
    [
        ("a+b", "a b", ["a+b", "a b"]),
        ("a+b%20c", "a b c", ["a+b%20c", "a b c", "a+b c"]),  # the third: in a URL, a browser encodes only " "
        ("a%20b", "a b", ["a%20b", "a b"]),
        ("50%", "50%", ["50%"]),
        ("50%25", "50%", ["50%25", "50%"]),
        ("%C3%A9", "é", ["%C3%A9", "é"]),
        ("u%2F1", "u/1", ["u%2F1", "u/1"]),
    ],
)
async def test_the_group_receives_the_decoded_id_of_a_user(
    served: Served, query: str, name: str, own_spellings: list[str]
) -> None:
    mate, odd = await waiting(served, "mate", 2), await spelled(served, query)
    assert (await odd.ask(asks(2, **{"from": query})))["peers"] == ["mate", name]
    assert (await mate.receive())["peers"] == ["mate", name]
    for spelling in own_spellings:
        await odd.send({"type": "offer", "to": "mate", "from": spelling})
        assert await mate.receive() == {"type": "offer", "from": name}
    await mate.send({"type": "answer", "to": name})
    assert await odd.receive() == {"type": "answer", "from": "mate"}
    await odd.send({"type": "offer", "to": "mate", "from": name + "x"})
    await mate.hears_nothing()
    assert served.refusals() == ["forged-from"]


async def test_two_spellings_of_one_id_are_one_user(served: Served) -> None:
    older, newer = await spelled(served, "a+b"), await spelled(served, "a%20b")
    await older.send(asks(2))
    await served.settled()
    await newer.send(asks(2))
    assert await older.closed() == (4001, "replaced")
    await newer.hears_nothing()


@pytest.mark.parametrize(
    ("frame", "answered"),
    [
        ({"type": "matchmaking"}, True),
        ({"type": "matchmaking", "matchSize": {}}, True),
        ({"type": "matchmaking", "matchSize": 10**30}, True),
        ({"type": "matchmaking", "matchSize": 2, "from": "U1"}, True),
        ({"type": "matchmaking", "matchSize": 2, "from": ["u1"]}, True),
        ({"type": "Matchmaking", "matchSize": 2}, False),
        ({"type": "room-found", "roomId": "x", "peers": []}, False),
        ({"type": "error", "error": "x"}, False),
        ({"type": "ping"}, False),
        ({"type": 5}, False),
        ({}, False),
        ("[]", False),
        ("{", False),
        ("", False),
        (b'{"type":"matchmaking","matchSize":1}', False),
    ],
)
async def test_only_an_invalid_matchmaking_request_is_answered_with_one_error(
    served: Served, frame: Any, answered: bool
) -> None:
    a, other = await user(served, "u1"), await waiting(served, "u2", 2)
    await a.send(frame)
    if answered:
        answer = await a.receive()
        assert (answer["type"], set(answer)) == ("error", {"type", "error"})
        assert 0 < len(answer["error"]) < 300
    for peer in (a, other):
        await peer.hears_nothing()
    assert len(served.refusals()) == 1
    assert (await a.ask(asks(2)))["peers"] == ["u2", "u1"]


async def test_a_user_stays_in_its_room_after_an_error(served: Served) -> None:
    a, b = await group(served, "u1", "u2")
    assert (await b.ask(asks(0)))["type"] == "error"
    assert (await b.ask(asks(2, **{"from": "u1"})))["type"] == "error"
    await b.send({"type": "offer", "to": "u1"})
    assert await a.receive() == {"type": "offer", "from": "u2"}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("query", ["x" * 129, "a%0Ab", "%7F"])
async def test_a_connection_with_an_invalid_user_id_is_closed(served: Served, path: str, query: str) -> None:
    assert (await (await spelled(served, query, path)).closed())[0] == 1008
    assert served.records("match.queued") == []


@pytest.mark.parametrize("path", PATHS)
async def test_frames_of_a_connection_without_a_user_are_ignored(served: Served, path: str) -> None:
    other, nobody = await waiting(served, "u2", 2), await served.connect(path)
    await nobody.send(asks(2, **{"from": "u1"}))
    assert await nobody.closed() == (1008, "Missing userId parameter.")
    await other.hears_nothing()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("query", ["", "?userId="])
async def test_a_request_without_an_upgrade_needs_no_user(served: Served, path: str, query: str) -> None:
    async with served.client.get(path + query) as answer:
        assert (answer.status, await answer.text()) == (400, "Expected WebSocket connection")


async def test_only_the_first_user_in_a_url_counts(served: Served) -> None:
    assert (await (await spelled(served, "a&userId=b")).ask(asks(1, **{"from": "b"})))["type"] == "error"
