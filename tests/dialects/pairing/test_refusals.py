"""All error messages of `pairing`. Only the sender receives an error, and one record is written."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.pairing_client import CANONICAL, device, error, pair, register, registered
from tests.kit.serving import Served

FORMAT, CODE = "Invalid message format", "Invalid pairing code"
NOT_REGISTERED, MISSING, NOT_FOUND = "Not registered", "Missing target or payload", "Target peer not found"


@pytest.mark.parametrize("path", [CANONICAL, "/"])
@pytest.mark.parametrize(
    ("frame", "message", "code"),
    [
        ("", FORMAT, "bad-json"),
        ("{", FORMAT, "bad-json"),
        ("[]", FORMAT, "bad-json"),
        ("null", FORMAT, "bad-json"),
        ('"register"', FORMAT, "bad-json"),
        ('{"type":"ping"} x', FORMAT, "bad-json"),
        ("[" * 5000, FORMAT, "bad-json"),
        (b'{"type":"ping"}', FORMAT, "bad-json"),
        ({"type": "dance"}, "Unknown message type: dance", "unknown-type"),
        ({"type": "registered", "pairingCode": "ABC234"}, "Unknown message type: registered", "unknown-type"),
        ({"type": "peer_left", "pairingCode": "ABC234"}, "Unknown message type: peer_left", "unknown-type"),
        ({"type": "REGISTER", "pairingCode": "ABC234"}, "Unknown message type: REGISTER", "unknown-type"),
        ({"type": "register"}, CODE, "bad-field"),
        (register(""), CODE, "bad-field"),
        ({"type": "register", "pairingCode": None}, CODE, "bad-field"),
        ({"type": "register", "pairingCode": 234567}, CODE, "bad-field"),
        ({"type": "register", "pairingCode": ["ABC234"]}, CODE, "bad-field"),
        (register("a\nb"), CODE, "bad-field"),
        (register("x" * 129), CODE, "too-large"),
        ({"type": "offer", "target": "ABC234", "payload": 1}, NOT_REGISTERED, "not-joined"),
        ({"type": "answer", "payload": 1}, NOT_REGISTERED, "not-joined"),
        ({"type": "ice_candidate", "target": "ABC234", "payload": {}}, NOT_REGISTERED, "not-joined"),
    ],
)
async def test_a_device_without_a_code_gets_one_error_and_stays_connected(
    served: Served, path: str, frame: Any, message: str, code: str
) -> None:
    a, b = await pair(served, "ABC234")
    stranger = await served.connect(path)
    assert await stranger.ask(frame) == error(message)
    await stranger.hears_nothing()
    await a.hears_nothing()
    await b.hears_nothing()
    assert served.refusals() == [code]
    assert await stranger.ask(register("XYZ789")) == registered("XYZ789")


@pytest.mark.parametrize(
    ("frame", "message", "code"),
    [
        ("nonsense", FORMAT, "bad-json"),
        ({"type": "offer"}, MISSING, "bad-field"),
        ({"type": "offer", "target": "ABC234"}, MISSING, "bad-field"),
        ({"type": "answer", "target": "ABC234", "payload": None}, MISSING, "bad-field"),
        ({"type": "ice_candidate", "payload": None, "candidate": {}}, MISSING, "bad-field"),
        ({"type": "offer", "target": "XYZ789", "payload": 1}, NOT_FOUND, "no-such-room"),
        ({"type": "offer", "target": "NOBODY", "payload": 1}, NOT_FOUND, "no-such-room"),
        ({"type": "offer", "target": "abc234", "payload": 1}, NOT_FOUND, "no-such-room"),
        ({"type": "leave", "pairingCode": "ABC234"}, "Unknown message type: leave", "unknown-type"),
    ],
)
async def test_a_paired_device_gets_one_error_and_stays_paired(
    served: Served, frame: Any, message: str, code: str
) -> None:
    a, b = await pair(served, "ABC234")
    c, d = await pair(served, "XYZ789")
    assert await b.ask(frame) == error(message)
    for peer in (a, b, c, d):
        await peer.hears_nothing()
    (record,) = served.records("signal.refused")
    assert record["data"]["code"] == code
    assert record["dialect"] == "pairing"
    await b.send({"type": "offer", "payload": 1})
    assert await a.receive() == {"type": "offer", "from": "ABC234", "payload": 1}


@pytest.mark.parametrize("target", [{"target": "ABC234"}, {}])
async def test_a_device_that_is_alone_has_no_peer(served: Served, target: dict[str, str]) -> None:
    alone = await device(served, "ABC234")
    assert await alone.ask({"type": "offer", "payload": 1, **target}) == error(NOT_FOUND)
    assert served.refusals() == ["no-such-peer"]
    await device(served, "ABC234", alone)


async def test_sending_candidates_while_alone_does_not_count_as_guessing(served: Served) -> None:
    alone = await device(served, "ABC234")
    for number in range(30):
        assert await alone.ask({"type": "ice_candidate", "target": "ABC234", "payload": number}) == error(NOT_FOUND)
    await device(served, "ABC234", alone)


async def test_the_size_of_an_error_does_not_depend_on_the_frame(served: Served) -> None:
    peer = await served.connect(CANONICAL)
    answer = await peer.ask({"type": "x" * 60_000})
    assert answer["message"].startswith("Unknown message type: x")
    assert len(answer["message"]) < 300
