"""The sender of an invalid frame gets a clear error, the log gets a record, and other peers notice nothing."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.dialects import DIALECTS, Caller, Introduction
from signaling_sidecar.hub.arrivals import Arrivals
from signaling_sidecar.hub.commands import Numbered, Refuse
from tests.kit.frame_limit import allow_only_the_burst
from tests.kit.serving import Peer, Served, serve

JOIN = {"type": "join", "roomId": "bar", "peerId": "x"}
ANSI_NAME = "\x1b[31mred\x00"


@pytest.fixture
async def witness(served: Served) -> Peer:
    """Another peer in the room, which must receive nothing."""
    peer = await served.connect()
    await peer.join("witness")
    return peer


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("", "bad-json"),
        ("{", "bad-json"),
        ("[]", "bad-json"),
        ("null", "bad-json"),
        ('"join"', "bad-json"),
        ('{"type":"join"} x', "bad-json"),
        ("[" * 5000, "bad-json"),
        (b"{}", "bad-json"),
        ("{}", "bad-field"),
        ('{"type":5}', "bad-field"),
        ('{"type":null}', "bad-field"),
        ('{"type":"dance"}', "unknown-type"),
        ('{"type":"peer_list"}', "unknown-type"),
        ('{"type":"join","peerId":"x"}', "bad-field"),
        (JOIN | {"roomId": 5}, "bad-field"),
        (JOIN | {"roomId": ""}, "bad-field"),
        (JOIN | {"roomId": "r" * 129}, "too-large"),
        (JOIN | {"roomId": "é" * 65}, "too-large"),
        (JOIN | {"roomId": "a\nb"}, "bad-field"),
        (JOIN | {"peerId": ""}, "bad-field"),
        (JOIN | {"peerId": "x" * 129}, "too-large"),
        (JOIN | {"peerId": "\x7f"}, "bad-field"),
        (JOIN | {"peerId": ["x"]}, "bad-field"),
        (JOIN | {"name": ANSI_NAME}, "bad-field"),
        (JOIN | {"name": "n" * 129}, "too-large"),
        (JOIN | {"name": 7}, "bad-field"),
        (JOIN | {"metadata": []}, "bad-field"),
        (JOIN | {"metadata": {"x": "m" * 4096}}, "too-large"),
        (JOIN | {"instance": 1}, "bad-field"),
        (JOIN | {"capacity": 0}, "bad-field"),
        (JOIN | {"capacity": 1.5}, "bad-field"),
        (JOIN | {"capacity": True}, "bad-field"),
        (JOIN | {"capacity": 101, "roomId": "new"}, "bad-field"),
        (JOIN | {"listed": "yes"}, "bad-field"),
        (JOIN | {"peerId": "witness", "listed": 0}, "bad-field"),
        ({"type": "leave", "roomId": "bar", "peerId": "x"}, "not-joined"),
        ({"type": "offer", "to": "witness", "sdp": "v=0"}, "not-joined"),
        ({"type": "offer", "sdp": "v=0"}, "bad-field"),
        ({"type": "offer", "to": 5}, "bad-field"),
        ({"type": "broadcast"}, "not-joined"),
        ({"type": "update", "name": "x"}, "not-joined"),
    ],
)
async def test_an_invalid_frame_is_one_error_and_one_record(
    served: Served, witness: Peer, frame: Any, code: str
) -> None:
    sender = await served.connect()
    answer = await sender.ask(frame)
    assert (answer["type"], answer["code"]) == ("error", code)
    assert len(answer["message"]) < 300
    await sender.hears_nothing()
    await witness.hears_nothing()
    assert served.refusals() == [code]


@pytest.mark.parametrize("value", [5, -1, 1.5, "x", None, True, [], {"x": 1}])
async def test_fields_that_are_ignored_may_have_any_type(served: Served, witness: Peer, value: Any) -> None:
    numbers = {"a": value, "c": value}
    sender = await served.connect()
    assert (await sender.ask({**JOIN, "peerId": "x", "to": value, **numbers}))["type"] == "peer_list"
    assert (await witness.receive())["type"] == "peer_joined"
    await sender.send({"type": "broadcast", "to": value, **numbers})
    assert await witness.receive() == {"type": "broadcast", "to": value, "from": "x"}
    await sender.send({"type": "offer", "to": "witness", **numbers})
    assert await witness.receive() == {"type": "offer", "to": "witness", "from": "x"}
    assert await sender.ask({"type": "ping", "to": value, **numbers}) == {"type": "pong"}
    assert served.refusals() == []


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"type": "offer", "to": "nobody"}, "no-such-peer"),
        ({"type": "offer", "to": "x"}, "no-such-peer"),
        ({"type": "offer", "to": "witness", "from": "witness"}, "forged-from"),
        ({"type": "broadcast", "from": "witness"}, "forged-from"),
        ({"type": "leave", "roomId": "den"}, "no-such-room"),
        ({"type": "leave", "peerId": "witness"}, "forged-from"),
        ({"type": "leave", "from": "witness"}, "forged-from"),
        ({"type": "leave", "peerId": "x", "from": "witness"}, "bad-field"),
        ({"type": "update", "name": "X", "from": "witness"}, "forged-from"),
        ({"type": "trace", "event": "page", "from": "witness"}, "forged-from"),
        ({"type": "offer", "to": "n" * 60_000}, "no-such-peer"),
    ],
)
async def test_a_refused_member_stays_in_the_room(served: Served, witness: Peer, frame: Any, code: str) -> None:
    sender = await served.connect()
    await sender.join("x")
    await witness.receive()
    answer = await sender.ask({**frame, "id": "ref-1"})
    assert (answer["code"], answer["ref"]) == (code, "ref-1")
    assert len(answer["message"]) < 300
    await witness.hears_nothing()
    (record,) = served.records("signal.refused")
    assert (record["room"], record["peer"], record["data"]["code"]) == ("bar", "x", code)
    await sender.send({"type": "offer", "to": "witness"})
    assert (await witness.receive())["from"] == "x"


async def test_an_empty_instance_is_the_same_as_none(served: Served, witness: Peer) -> None:
    sender = await served.connect()
    assert (await sender.join("x", instance="", resume=True))["type"] == "peer_list"
    assert "instance" not in await witness.receive()
    other = await served.connect()
    assert (await other.join("x", instance="", resume=True))["code"] == "id-taken"


async def test_invalid_utf8_in_an_unused_value_is_not_relayed(served: Served, witness: Peer) -> None:
    sender = await served.connect()
    await sender.join("x")
    await witness.receive()
    await sender.socket.send_frame(b'{"type":"offer","to":"witness","sdp":"\xff"}', 1)  # type: ignore[arg-type]
    assert (await sender.closed())[0] == 1007
    assert await witness.receive() == {"type": "peer_updated", "peerId": "x", "away": True}


async def test_a_frame_of_the_maximum_size_is_relayed_and_a_larger_one_closes_only_its_sender(
    served: Served, witness: Peer
) -> None:
    sender = await served.connect()
    await sender.join("x")
    await witness.receive()
    frame = '{"type":"offer","to":"witness","pad":"%s"}'
    await sender.send(frame % ("p" * (262_144 - len(frame % ""))))
    assert len((await witness.receive())["pad"]) > 262_000
    await sender.send(frame % ("p" * (262_145 - len(frame % ""))))
    assert (await sender.closed())[0] == 1009
    await sender.socket.close()
    away = await witness.receive()
    assert away == {"type": "peer_updated", "peerId": "x", "away": True}
    (record,) = [r for r in served.records("connection.closed") if r.get("peer") == "x"]
    assert (record["data"]["code"], record["data"]["by"]) == (1009, "sidecar")


async def test_a_flood_is_limited_to_the_burst_and_causes_one_error_per_second(
    aiohttp_client: AiohttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow_only_the_burst(monkeypatch)
    served = await serve(aiohttp_client, tmp_path, max_frames_burst=10)
    witness, sender = await served.connect(), await served.connect()
    await witness.join("witness")
    await sender.join("x")
    await witness.receive()
    began_s = time.monotonic()
    for number in range(300):
        await sender.send({"type": "offer", "to": "witness", "n": number})
    answer = await sender.receive()
    assert answer["code"] == "too-fast"
    await sender.socket.close()
    relayed = [await witness.receive() for _ in range(9)]
    assert [frame["n"] for frame in relayed] == list(range(9))
    assert (await witness.receive())["type"] == "peer_left"
    counts = [record["data"]["count"] for record in served.records("signal.refused")]
    assert sum(counts) + len(relayed) == 300
    assert len(counts) <= 2 + time.monotonic() - began_s  # the first at once, one after each second, and one at the end


async def test_an_internal_error_is_answered_without_details_and_logged_completely(
    served: Served, witness: Peer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sender = await served.connect()

    def fail(*_: object) -> None:
        raise RuntimeError("the secret detail")

    monkeypatch.setattr(Arrivals, "join", fail)
    answer = await sender.join("x")
    assert answer["code"] == "internal"
    assert "secret" not in json.dumps(answer)
    assert "the secret detail" in caplog.text
    await witness.hears_nothing()


@pytest.mark.fuzz
@given(
    strategies.binary(max_size=200)
    | strategies.recursive(
        strategies.none() | strategies.booleans() | strategies.floats() | strategies.text(max_size=20),
        lambda inner: (
            strategies.lists(inner, max_size=3)
            | strategies.dictionaries(
                strategies.sampled_from(["type", "to", "from", "id", "roomId", "peerId", "name", "metadata", "s"]),
                inner | strategies.sampled_from(["join", "leave", "offer", "update", "broadcast"]),
            )
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_frame_becomes_a_command(frame: bytes) -> None:
    command = DIALECTS["rooms"].decode(frame, Caller(1, Introduction(), str), 0)
    if isinstance(command, Refuse):
        assert len(command.refusal.message) < 400


ANY_JSON = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.floats() | strategies.integers() | strategies.text(),
    lambda inner: strategies.lists(inner, max_size=3) | strategies.dictionaries(strategies.text(), inner, max_size=3),
)
HALVES = strategies.text(strategies.characters(categories=["Cs"]), min_size=1, max_size=2)
NAMES = strategies.sampled_from(["type", "to", "from", "s", "a", "ca", "resume", "id", "name", "metadata", "roomId"])
TYPES = strategies.sampled_from(
    ["broadcast", "offer", "update", "leave", "trace", "ping", "ack", "list_rooms", "dance"]
)


@pytest.mark.fuzz
@given(strategies.dictionaries(NAMES | strategies.text(), ANY_JSON | HALVES | TYPES), strategies.integers(0, 3))
def test_the_number_of_any_numbered_object_is_read(fields: dict[str, Any], place: int) -> None:
    before, after = list(fields.items())[:place], list(fields.items())[place:]
    frame = {**dict(before), "c": 7, **{name: value for name, value in after if name != "c"}}
    command = DIALECTS["rooms"].decode(json.dumps(frame).encode(), Caller(1, Introduction(), str), 0)
    if frame.get("type") != "join":
        assert isinstance(command, Numbered)
        assert command.c == 7


async def test_a_client_that_stops_reading_is_disconnected_and_delays_nobody(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await serve(aiohttp_client, tmp_path, max_frames_burst=100_000, max_outbox_bytes=65_536)
    stalled, sender, other = [await served.connect() for _ in range(3)]
    for name, peer in (("stalled", stalled), ("sender", sender), ("other", other)):
        await peer.join(name)
    await sender.receive()
    transport = stalled.socket._response.connection.transport  # type: ignore[union-attr]
    transport.pause_reading()  # type: ignore[union-attr]
    pad = "p" * 60_000
    while not [r for r in served.records("connection.closed") if r.get("peer") == "stalled"]:
        await sender.send({"type": "offer", "to": "stalled", "pad": pad})
        answer = await sender.ask({"type": "signal", "to": "sender"})
        assert answer["code"] in ("no-such-peer", "peer-away")
        await sender.send({"type": "offer", "to": "other"})
        assert (await other.receive())["from"] == "sender"
        await asyncio.sleep(0)
    (closed,) = [r for r in served.records("connection.closed") if r.get("peer") == "stalled"]
    assert closed["data"]["reason"] == "slow reader"
    transport.abort()  # type: ignore[union-attr]
