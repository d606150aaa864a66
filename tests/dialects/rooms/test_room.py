"""`rooms` on real sockets, with the literal frames of the original client and of our extensions."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.kit.receiving import receive
from tests.kit.serving import Served


def without_times(frame: dict[str, Any]) -> dict[str, Any]:
    peers = [{k: v for k, v in peer.items() if k != "joinedAt"} for peer in frame.get("peers", [])]
    return {k: v for k, v in frame.items() if k != "joinedAt"} | ({"peers": peers} if "peers" in frame else {})


async def test_the_original_client_works(served: Served) -> None:
    abc, def_ = await served.connect(), await served.connect()
    listed = await abc.ask('{"type":"join","roomId":"bar","peerId":"abc"}')
    assert (listed["type"], listed["peers"]) == ("peer_list", [])
    listed = await def_.ask('{"type":"join","roomId":"bar","peerId":"def"}')
    assert [peer["peerId"] for peer in listed["peers"]] == ["abc"]
    assert isinstance(listed["peers"][0]["joinedAt"], int)
    assert without_times(await abc.receive()) == {"type": "peer_joined", "peerId": "def"}
    await def_.send('{"type":"leave","roomId":"bar","peerId":"def"}')
    await def_.socket.close()
    assert await abc.receive() == {"type": "peer_left", "peerId": "def", "reason": "left"}
    await abc.hears_nothing()


async def test_the_original_clients_rejoin_after_a_lost_connection_is_silent(served: Served) -> None:
    abc, def_ = await served.connect(), await served.connect()
    await abc.join("abc")
    await def_.join("def")
    await abc.receive()
    def_.socket._writer.transport.abort()  # type: ignore[union-attr]
    again = await served.connect()
    assert [peer["peerId"] for peer in (await again.join("def"))["peers"]] == ["abc"]
    await abc.hears_nothing()


async def test_the_original_clients_rejoin_after_its_own_disconnect_is_a_new_join(served: Served) -> None:
    abc, def_ = await served.connect(), await served.connect()
    await abc.join("abc")
    await def_.join("def")
    await abc.receive()
    await def_.send('{"type":"leave","roomId":"bar","peerId":"def"}')
    await def_.socket.close()
    assert (await abc.receive())["type"] == "peer_left"
    again = await served.connect()
    await again.join("def")
    assert without_times(await abc.receive()) == {"type": "peer_joined", "peerId": "def"}


async def test_two_connections_with_one_id_do_not_replace_each_other_endlessly(served: Served) -> None:
    current = await served.connect()
    await current.join("abc")
    for _ in range(3):
        newer = await served.connect()
        assert (await newer.join("abc"))["type"] == "peer_list"
        assert await current.closed() == (4001, "replaced")
        current = newer
    refused = await served.connect()
    assert (await refused.join("abc"))["code"] == "id-taken"
    assert (await refused.join("xyz"))["type"] == "peer_list"  # its socket stays open
    assert without_times(await current.receive()) == {"type": "peer_joined", "peerId": "xyz"}


async def test_the_others_receive_all_fields_of_a_join(served: Served) -> None:
    profile = {"name": "Ada", "metadata": {"drink": "tea"}, "instance": "i1"}
    one, two = await served.connect(), await served.connect()
    await one.join("a", **profile)
    listed = await two.ask({"type": "join", "roomId": "bar", "name": "Bob"})
    assert without_times(listed) == {
        "type": "peer_list",
        "roomId": "bar",
        "peerId": listed["peerId"],
        "peers": [{"peerId": "a", **profile}],
        "limits": {"frameBytes": 262_144, "framesPerSecond": 100, "burst": 500, "keptBytes": 262_144},
    }
    assert re.fullmatch(r"[0-9a-f]{12}", listed["peerId"])
    assert (await one.receive())["name"] == "Bob"
    await two.send({"type": "update", "name": "Bob!", "metadata": {"n": [1, None]}})
    updated = {"type": "peer_updated", "peerId": listed["peerId"], "name": "Bob!", "metadata": {"n": [1, None]}}
    assert await one.receive() == updated


@pytest.mark.parametrize("kind", ["offer", "answer", "candidate", "signal"])
async def test_a_relayed_frame_is_the_same_object_with_from_added(served: Served, kind: str) -> None:
    one, two = await served.connect(), await served.connect()
    await one.join("a")
    await two.join('b "quoted" é')
    await one.receive()
    said = f'{{"type":"{kind}","to":"a","sdp":"v=0\\r\\n","deep":{{"x":[1.50,null]}},"id":1'
    await two.socket.send_str(said + "} \n")
    message = await receive(one.socket)
    assert message.data == said + ',"from":"b \\"quoted\\" é"}'


async def test_protocol_fields_of_a_sender_are_not_relayed(served: Served) -> None:
    one, two = await served.connect(), await served.connect()
    await one.join("a")
    await two.join("b")
    await one.receive()
    own = {"s": 1, "a": 2, "c": 3, "ca": 4, "resume": {"token": "x"}}
    await two.send({"type": "offer", "to": "a", "from": "b", "keep": 1, **own})
    assert await one.receive() == {"type": "offer", "to": "a", "keep": 1, "from": "b"}
    await two.send('{"type":"offer","to":"a","\\u0066rom":"b","\\u0073":9}')
    assert await one.receive() == {"type": "offer", "to": "a", "from": "b"}


async def test_a_broadcast_reaches_all_others_and_not_its_sender(served: Served) -> None:
    peers = [await served.connect() for _ in range(3)]
    for name, peer in zip("abc", peers, strict=True):
        await peer.join(name)
    for peer, joins in zip(peers, (2, 1, 0), strict=True):
        for _ in range(joins):
            await peer.receive()
    await peers[0].send({"type": "broadcast", "text": "hi"})
    for peer in peers[1:]:
        assert await peer.receive() == {"type": "broadcast", "text": "hi", "from": "a"}
    await peers[0].hears_nothing()


async def test_rooms_are_listed_before_joining_and_over_http(served: Served) -> None:
    lobby, one = await served.connect(), await served.connect()
    assert await lobby.ask({"type": "watch_rooms"}) == {"type": "rooms", "rooms": []}
    await one.join("a", capacity=4)
    await (await served.connect()).join("b", room="hidden", listed=False)
    (room,) = (await lobby.receive())["rooms"]
    assert room == {"roomId": "bar", "peers": 1, "capacity": 4, "createdAt": room["createdAt"]}
    answer = await served.client.get("/ws/signaling/rooms")
    assert await answer.json() == {"rooms": [room]}
    assert await one.ask({"type": "list_rooms"}) == {"type": "rooms", "rooms": [room]}


async def test_a_trace_is_recorded_and_not_relayed(served: Served) -> None:
    one, two = await served.connect(), await served.connect()
    await one.join("a")
    await two.join("b")
    await one.receive()
    await one.send({"type": "trace", "state": "connected"})
    await one.hears_nothing()
    await two.hears_nothing()
    (record,) = served.records("trace.state")
    assert (record["peer"], record["data"]["state"]) == ("a", "connected")


@pytest.mark.one_sidecar("connections have larger numbers in a cluster")
async def test_a_page_outside_of_all_rooms_can_send_traces(served: Served) -> None:
    page = await served.connect()
    await page.send({"type": "trace", "state": "connected"})
    await page.hears_nothing()
    (record,) = served.records("trace.state")
    assert (record["dialect"], record["connection"], record["data"]["state"]) == ("rooms", 1, "connected")
    assert "room" not in record


async def test_a_closed_page_is_away_and_a_plain_close_is_a_leave(served: Served) -> None:
    one, two, three = await served.connect(), await served.connect(), await served.connect()
    for name, peer in (("a", one), ("b", two), ("c", three)):
        await peer.join(name)
    await one.receive()
    await one.receive()
    await two.socket.close(code=1000)
    assert await one.receive() == {"type": "peer_left", "peerId": "b", "reason": "closed"}
    await three.socket.close(code=1001)
    assert await one.receive() == {"type": "peer_updated", "peerId": "c", "away": True}


@pytest.mark.parametrize(
    ("path", "status"), [("/ws/signaling", 426), ("/ws/signaling/rooms", 200), ("/health", 200), ("/nothing", 404)]
)
async def test_plain_http_requests_are_answered(served: Served, path: str, status: int) -> None:
    assert (await served.client.get(path)).status == status


async def test_the_health_response_contains_the_boot_id(served: Served) -> None:
    body = await (await served.client.get("/health")).json()
    assert body["status"] == "ok"
    assert served.records("log.header")[0]["data"]["boot"] == body["boot"]
