"""`pairing` on real sockets, with literal frames: two devices share a code, and no other device is told about it."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from signaling_sidecar.hub.effects import Send
from tests.kit.answering import answering
from tests.kit.pairing_client import CANONICAL, device, error, pair, peer_joined, peer_left, register, registered
from tests.kit.serving import Served
from tests.kit.wire import Wire

FULL = error("Pairing code already has maximum peers")


async def test_four_devices_with_two_codes_are_two_separate_pairs(served: Served) -> None:
    a, b, c, d = [await served.connect(CANONICAL) for _ in range(4)]
    assert await a.ask('{"type":"register","pairingCode":"ABC234"}') == registered("ABC234")
    assert await b.ask('{"type":"register","pairingCode":"ABC234","publicKey":"k"}') == registered("ABC234")
    assert await a.receive() == {"type": "peer_joined", "pairingCode": "ABC234"}
    assert await c.ask('{"type":"register","pairingCode":"XYZ789"}') == registered("XYZ789")
    assert await d.ask('{"type":"register","pairingCode":"XYZ789"}') == registered("XYZ789")
    assert await c.receive() == peer_joined("XYZ789")
    await b.send({"type": "offer", "target": "ABC234", "payload": {"type": "offer", "sdp": "v=0\r\n"}})
    assert await a.receive() == {"type": "offer", "from": "ABC234", "payload": {"type": "offer", "sdp": "v=0\r\n"}}
    await a.send({"type": "answer", "target": "ABC234", "payload": {"type": "answer", "sdp": "v=0\r\n"}})
    assert (await b.receive())["type"] == "answer"
    for sender, receiver, code in ((a, b, "ABC234"), (d, c, "XYZ789")):
        await sender.send({"type": "ice_candidate", "target": code, "payload": {"candidate": code}})
        assert await receiver.receive() == {"type": "ice_candidate", "from": code, "payload": {"candidate": code}}
    await b.socket.close()
    assert await a.receive() == {"type": "peer_left", "pairingCode": "ABC234"}
    for peer in (a, c, d):
        await peer.hears_nothing()


async def test_a_relay_has_exactly_type_from_and_payload(served: Served) -> None:
    a, b = await pair(served, "ABC234")
    extra = {"from": "somebody", "to": "all", "pairingCode": "ABC234", "id": 7, "s": 1, "timestamp": 1}
    await b.send({"type": "offer", "target": "ABC234", "payload": {"sdp": "v=0"}, **extra})
    assert await a.receive() == {"type": "offer", "from": "ABC234", "payload": {"sdp": "v=0"}}
    await b.hears_nothing()


@pytest.mark.parametrize("payload", [0, False, "", [], {}, "text", 1.5, {"deep": [None, {"from": "x", "type": "y"}]}])
async def test_any_payload_except_null_reaches_the_partner_unchanged(served: Served, payload: Any) -> None:
    a, b = await pair(served, "ABC234")
    await a.send({"type": "ice_candidate", "payload": payload})
    assert await b.receive() == {"type": "ice_candidate", "from": "ABC234", "payload": payload}
    await a.hears_nothing()


async def test_a_relay_without_a_target_is_for_the_partner(served: Served) -> None:
    a, b = await pair(served, "ABC234")
    c, d = await pair(served, "XYZ789")
    await b.send({"type": "offer", "payload": "from b"})
    assert await a.receive() == {"type": "offer", "from": "ABC234", "payload": "from b"}
    for peer in (b, c, d):
        await peer.hears_nothing()


async def test_a_third_device_is_refused_without_an_effect_on_the_pair(served: Served) -> None:
    a, b = await pair(served, "ABC234")
    third = await served.connect(CANONICAL)
    async with answering(a, b):
        assert await third.ask(register("ABC234")) == FULL
    await b.send({"type": "offer", "payload": "secret"})
    assert await a.receive() == {"type": "offer", "from": "ABC234", "payload": "secret"}
    assert await third.ask({"type": "offer", "payload": "x"}) == error("Not registered")
    await b.socket.close()
    await a.receive()
    await third.hears_nothing()
    assert served.refusals() == ["room-full", "not-joined"]


async def test_a_refused_device_keeps_the_registration_it_had(served: Served) -> None:
    a, b = await pair(served, "ABC234")
    c, d = await pair(served, "XYZ789")
    async with answering(a, b, d):
        assert await c.ask(register("ABC234")) == FULL
        assert await c.ask(register("")) == error("Invalid pairing code")
    await c.send({"type": "offer", "target": "XYZ789", "payload": 1})
    assert await d.receive() == {"type": "offer", "from": "XYZ789", "payload": 1}
    for peer in (a, b, d):
        await peer.hears_nothing()


async def test_a_change_to_another_code_is_a_leave_and_a_join(served: Served) -> None:
    a, b = await pair(served, "ABC234")
    c = await device(served, "XYZ789")
    assert await b.ask(register("XYZ789")) == registered("XYZ789")
    assert await a.receive() == peer_left("ABC234")
    assert await c.receive() == peer_joined("XYZ789")
    await b.send({"type": "offer", "payload": 1})
    assert await c.receive() == {"type": "offer", "from": "XYZ789", "payload": 1}
    assert await b.ask({"type": "offer", "target": "ABC234", "payload": 1}) == error("Target peer not found")
    await a.hears_nothing()
    await device(served, "ABC234", a)  # only one device has this code now


async def test_registering_the_same_code_again_repeats_both_notices(served: Served) -> None:
    a, b = await pair(served, "ABC234")
    for again, partner in ((b, a), (a, b), (a, b)):
        assert await again.ask(register("ABC234")) == registered("ABC234")
        assert await partner.receive() == peer_joined("ABC234")
    await a.hears_nothing()
    await b.hears_nothing()


async def test_registered_arrives_before_the_first_frame_of_the_partner(served: Served) -> None:
    a = await device(served, "ABC234")
    b = await served.connect(CANONICAL)
    await b.send(register("ABC234"))
    assert await a.receive() == peer_joined("ABC234")
    await a.send({"type": "offer", "payload": 1})
    assert [(await b.receive())["type"] for _ in range(2)] == ["registered", "offer"]


def test_registered_is_sent_before_the_partner_is_notified() -> None:
    wire = Wire("pairing")
    wire.send("a", b'{"type":"register","pairingCode":"ABC234"}')
    for _ in range(2):
        sent = [
            each for each in wire.send("b", b'{"type":"register","pairingCode":"ABC234"}') if isinstance(each, Send)
        ]
        assert [each.connections for each in sent] == [(2,), (1,)]
        assert wire.sent["b"].pop() == registered("ABC234")


@pytest.mark.parametrize("ending", ["bare", "normal", "unloaded", "other", "lost"])
async def test_after_any_ending_the_partner_is_told_once_and_another_device_can_register(
    served: Served, ending: str
) -> None:
    a, b = await pair(served, "ABC234")
    if ending == "lost":
        b.socket._writer.transport.abort()  # type: ignore[union-attr]
    elif ending == "bare":
        await b.socket.send_frame(b"", aiohttp.WSMsgType.CLOSE)
    else:
        await b.socket.close(code={"normal": 1000, "unloaded": 1001, "other": 4999}[ending])
    assert await a.receive() == peer_left("ABC234")
    await a.hears_nothing()
    await device(served, "ABC234", a)


async def test_a_code_without_a_connection_is_forgotten(served: Served) -> None:
    a, b = await pair(served, "ABC234")
    await a.socket.close()
    assert await b.receive() == peer_left("ABC234")
    await b.socket.close()
    c = await device(served, "ABC234")
    assert await c.ask({"type": "offer", "payload": 1}) == error("Target peer not found")
    await device(served, "ABC234", c)


async def test_a_ping_is_answered_before_and_after_registering(served: Served) -> None:
    peer = await served.connect(CANONICAL)
    assert await peer.ask('{"type":"ping"}') == {"type": "pong"}
    assert await peer.ask(register("ABC234")) == registered("ABC234")
    assert await peer.ask({"type": "ping", "timestamp": 5}) == {"type": "pong"}


async def test_all_three_paths_meet_under_one_code(served: Served) -> None:
    for first, second in (("/", CANONICAL), ("/ws", "/"), (CANONICAL, "/ws")):
        a = await device(served, "ABC234", path=first)
        b = await device(served, "ABC234", a, path=second)
        await b.send({"type": "offer", "payload": first})
        assert await a.receive() == {"type": "offer", "from": "ABC234", "payload": first}
        await b.socket.close()
        assert await a.receive() == peer_left("ABC234")
        await a.socket.close()


async def test_on_the_shared_path_a_first_ping_decides_as_well(served: Served) -> None:
    peer = await served.connect("/ws")
    assert await peer.ask({"type": "ping"}) == {"type": "pong"}
    assert await peer.ask("{") == error("Invalid message format")
    assert await peer.ask({"type": "join", "peerId": "x"}) == error("Unknown message type: join")
    assert await peer.ask(register("ABC234")) == registered("ABC234")


@pytest.mark.parametrize("frame", ["{", "[]", b"{}", {"type": "offer", "payload": 1}, {"type": "dance"}, {}])
async def test_on_the_shared_path_any_other_first_frame_ends_the_connection(served: Served, frame: Any) -> None:
    peer = await served.connect("/ws")
    await peer.send(frame)
    assert (await peer.closed())[0] == 1008


async def test_codes_are_not_rooms_of_other_dialects(served: Served) -> None:
    a = await device(served, "bar")
    native = await served.connect()
    assert (await native.join("abc", room="bar"))["peers"] == []
    assert (await native.ask({"type": "list_rooms"}))["rooms"][0]["peers"] == 1
    await a.hears_nothing()


async def test_no_code_is_listed_anywhere(served: Served) -> None:
    lobby = await served.connect()
    assert await lobby.ask({"type": "watch_rooms"}) == {"type": "rooms", "rooms": []}
    await pair(served, "ABC234")
    await lobby.hears_nothing()
    assert await (await served.client.get("/ws/signaling/rooms")).json() == {"rooms": []}
    page = await served.client.get("/ws/signaling", headers={"Accept": "text/html"})
    assert "ABC234" not in await page.text()


async def test_a_browser_at_the_root_gets_a_readable_line(served: Served) -> None:
    text = await (await served.client.get("/")).text()
    assert len(text.splitlines()) == 1
