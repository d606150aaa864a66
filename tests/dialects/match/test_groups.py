"""`match` on real sockets puts users who request the same group size into groups, in the order of their requests."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from yarl import URL

from tests.kit.match_client import PATHS, asks, group, user, waiting
from tests.kit.serving import Peer, Served


@pytest.mark.parametrize("path", PATHS)
async def test_two_users_are_matched_and_the_first_is_host(served: Served, path: str) -> None:
    a, b = await user(served, "u1", path), await user(served, "u2", path)
    await a.send(asks(2, **{"from": "u1"}))
    await a.hears_nothing()
    found = await b.ask(asks(2, **{"from": "u2"}))
    assert found == {"type": "room-found", "roomId": found["roomId"], "peers": ["u1", "u2"]}
    assert uuid.UUID(found["roomId"]).version == 4
    assert await a.receive() == found
    offer = {"type": "offer", "sdp": {"type": "offer", "sdp": "v=0"}}
    await a.send({**offer, "to": "u2", "from": "u1", "extra": 1})
    assert await b.receive() == {**offer, "from": "u1"}
    await b.send({"type": "ice-candidate", "candidate": None, "to": "u1", "from": "u2"})
    assert await a.receive() == {"type": "ice-candidate", "from": "u2", "candidate": None}
    await b.send({"type": "answer", "to": "u1"})
    assert await a.receive() == {"type": "answer", "from": "u2"}


async def test_a_group_of_one_is_found_at_once(served: Served) -> None:
    a = await user(served, "u1")
    assert (await a.ask(asks(1)))["peers"] == ["u1"]


async def test_four_users_are_matched_in_the_order_of_their_requests(served: Served) -> None:
    peers = await group(served, "u4", "u1", "u3", "u2")
    await peers[0].send({"type": "offer", "to": "u2", "sdp": None})
    assert await peers[3].receive() == {"type": "offer", "from": "u4", "sdp": None}
    for other in peers[:3]:
        await other.hears_nothing()


async def test_queues_of_different_sizes_do_not_mix(served: Served) -> None:
    pair, three = await waiting(served, "p1", 2), [await waiting(served, f"t{n}", 3) for n in (1, 2)]
    second = await user(served, "p2")
    assert (await second.ask(asks(2)))["peers"] == ["p1", "p2"]
    assert (await pair.receive())["peers"] == ["p1", "p2"]
    third = await user(served, "t3")
    assert (await third.ask(asks(3)))["peers"] == ["t1", "t2", "t3"]
    for each in three:
        assert (await each.receive())["peers"] == ["t1", "t2", "t3"]
    for each in (pair, second):
        await each.hears_nothing()


@pytest.mark.parametrize("abruptly", [True, False])
async def test_a_closed_connection_in_the_queue_is_not_matched(served: Served, abruptly: bool) -> None:
    dead = await waiting(served, "dead", 2)
    if abruptly:
        dead.socket._response.connection.transport.abort()  # type: ignore[union-attr]
    else:
        await dead.socket.close()
    alive = await waiting(served, "alive", 2)
    other = await user(served, "other")
    assert (await other.ask(asks(2)))["peers"] == ["alive", "other"]
    assert (await alive.receive())["peers"] == ["alive", "other"]


async def test_a_user_with_two_connections_is_not_matched_with_itself(served: Served) -> None:
    older = await waiting(served, "u1", 2)
    newer = await waiting(served, "u1", 2)
    assert await older.closed() == (4001, "replaced")
    other = await user(served, "u2")
    assert (await other.ask(asks(2)))["peers"] == ["u1", "u2"]
    assert (await newer.receive())["peers"] == ["u1", "u2"]


async def test_a_repeated_request_goes_to_the_end_of_the_queue(served: Served) -> None:
    first, second = await waiting(served, "u1", 3), await waiting(served, "u2", 3)
    await first.send(asks(3))
    await first.hears_nothing()
    third = await user(served, "u3")
    for peer in (third, first, second):
        if peer is third:
            await peer.send(asks(3))
        assert (await peer.receive())["peers"] == ["u2", "u1", "u3"]


async def test_a_request_for_another_size_leaves_the_first_queue(served: Served) -> None:
    fickle, other = await waiting(served, "u1", 2), await user(served, "u2")
    assert (await fickle.ask(asks(1)))["peers"] == ["u1"]
    await other.send(asks(2))
    await other.hears_nothing()


async def test_a_new_request_leaves_the_current_room(served: Served) -> None:
    a, b = await group(served, "u1", "u2")
    await a.send(asks(2))
    for peer in (a, b):
        await peer.hears_nothing()
    await b.send({"type": "offer", "to": "u1"})
    await a.hears_nothing()
    assert (await b.ask(asks(2)))["peers"] == ["u1", "u2"]


async def test_reconnects_in_quick_succession_find_the_same_room_again(served: Served) -> None:
    a, b = await group(served, "u1", "u2")
    (found,) = served.records("match.found")
    for number in range(6):
        again = await user(served, "u2")
        if number % 2:
            await b.socket.close()
        assert await again.ask(asks(2)) == {"type": "room-found", "roomId": found["room"], "peers": ["u1", "u2"]}
        if not number % 2:
            assert await b.closed() == (4001, "replaced")
        b = again
    await a.hears_nothing()
    await a.send({"type": "offer", "to": "u2"})
    assert await b.receive() == {"type": "offer", "from": "u1"}


@pytest.mark.parametrize("size", [1, 3])
async def test_another_size_is_another_room(served: Served, size: int) -> None:
    _, b = await group(served, "u1", "u2")
    again = await user(served, "u2")
    await again.send(asks(size))
    assert await b.closed() == (4001, "replaced")
    if size == 1:
        assert (await again.receive())["peers"] == ["u2"]
    await again.hears_nothing()


async def test_a_user_does_not_return_to_a_room_that_the_others_have_left(served: Served) -> None:
    a, b = await group(served, "u1", "u2")
    await a.socket.close()
    await b.socket.close()
    again = await waiting(served, "u2", 2)
    assert (await (await user(served, "u3")).ask(asks(2)))["peers"] == ["u2", "u3"]
    assert (await again.receive())["peers"] == ["u2", "u3"]


async def test_a_disconnect_is_not_announced_and_the_session_is_kept_for_five_seconds(served: Served) -> None:
    a, b = await group(served, "u1", "u2")
    await b.socket.close()
    await a.hears_nothing()
    await a.send({"type": "offer", "to": "u2"})
    await a.hears_nothing()
    assert served.refusals() == ["peer-away"]
    (record,) = served.records("peer.away")
    assert (record["peer"], record["data"]["grace_s"]) == ("u2", 5.0)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"type": "offer", "to": "u3", "from": "u1"}, "no-such-peer"),
        ({"type": "offer", "to": "u1", "from": "u1"}, "no-such-peer"),
        ({"type": "offer", "to": "u2", "from": "u2"}, "forged-from"),
        ({"type": "offer", "to": "u2", "from": None}, "forged-from"),
        ({"type": "offer", "sdp": {}}, "bad-field"),
        ({"type": "dance", "to": "u2"}, "unknown-type"),
        ("{", "bad-json"),
        (b"{}", "bad-json"),
    ],
)
async def test_frames_that_cannot_be_relayed_are_dropped_and_recorded(served: Served, frame: Any, code: str) -> None:
    a, b = await group(served, "u1", "u2")
    stranger = (await group(served, "u3"))[0]
    await a.send(frame)
    for peer in (a, b, stranger):
        await peer.hears_nothing()
    assert served.refusals() == [code]


async def test_nothing_is_relayed_before_a_room_is_found(served: Served) -> None:
    a, b = await waiting(served, "u1", 3), await waiting(served, "u2", 3)
    await a.send({"type": "offer", "to": "u2"})
    for peer in (a, b):
        await peer.hears_nothing()
    assert served.refusals() == ["not-joined"]


@pytest.mark.parametrize("size", [0, -1, 17, 1.5, "2", None, True, [2]])
async def test_an_invalid_size_is_an_error_and_the_user_stays_in_the_queue(served: Served, size: Any) -> None:
    a = await waiting(served, "u1", 2)
    answer = await a.ask(asks(size))
    assert set(answer) == {"type", "error"}
    assert answer["type"] == "error"
    assert (await (await user(served, "u2")).ask(asks(2)))["peers"] == ["u1", "u2"]


async def test_a_request_for_another_user_is_an_error(served: Served) -> None:
    a = await user(served, "u1")
    for forged in ("u2", "", 7, None):
        assert (await a.ask(asks(2, **{"from": forged})))["type"] == "error"


@pytest.mark.parametrize(
    ("query", "decoded"),
    [("a+b", "a b"), ("50%", "50%"), ("a%20b", "a b"), ("%C3%A9", "é"), ("a%2Bb", "a+b"), ("x&roomId=y", "x")],
)
async def test_a_user_id_is_accepted_encoded_or_decoded(served: Served, query: str, decoded: str) -> None:
    for spelling in {query.partition("&")[0], decoded}:
        url = URL(f"{served.client.make_url(PATHS[0])}?userId={query}", encoded=True)
        socket = await served.client.session.ws_connect(url)
        peer = Peer(socket, served.settled)
        assert (await peer.ask(asks(1, **{"from": spelling})))["peers"] == [decoded]
        await socket.close()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("query", ["", "?userId=", "?user=u1"])
async def test_a_handshake_without_a_user_succeeds_and_is_closed(served: Served, path: str, query: str) -> None:
    assert await (await served.connect(path + query)).closed() == (1008, "Missing userId parameter.")


@pytest.mark.parametrize("path", PATHS)
async def test_a_request_without_an_upgrade_is_answered_with_what_is_expected(served: Served, path: str) -> None:
    async with served.client.get(f"{path}?userId=u1") as answer:
        assert (answer.status, await answer.text()) == (400, "Expected WebSocket connection")
