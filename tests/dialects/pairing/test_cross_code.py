"""The setting `pairing.cross_code`, for newer clients.

They register their own code, and send to the code of the other device.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.hub import challenges
from tests.kit.answering import answering
from tests.kit.pairing_client import CANONICAL, device, error, pair, peer_left
from tests.kit.serving import Served, serve

NOT_FOUND = error("Target peer not found")
OFFER = {"type": "offer", "target": "YYY222", "payload": {"sdp": "v=0"}}


@pytest.fixture
async def crossing(aiohttp_client: AiohttpClient, tmp_path: Path) -> Served:
    return await serve(aiohttp_client, tmp_path, pairing_cross_code=True)


async def test_without_the_setting_a_call_to_another_code_finds_no_peer(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await serve(aiohttp_client, tmp_path)
    caller, called = await device(served, "XXX111"), await device(served, "YYY222")
    assert await caller.ask(OFFER) == NOT_FOUND
    await called.hears_nothing()


async def test_with_the_setting_caller_and_called_device_meet_under_the_code_that_both_know(
    crossing: Served,
) -> None:
    caller, called = await device(crossing, "XXX111"), await device(crossing, "YYY222")
    await caller.send(OFFER)
    assert await called.receive() == {"type": "offer", "from": "YYY222", "payload": {"sdp": "v=0"}}
    await called.send({"type": "answer", "target": "YYY222", "payload": {"sdp": "v=0"}})
    assert await caller.receive() == {"type": "answer", "from": "YYY222", "payload": {"sdp": "v=0"}}
    for sender, receiver in ((caller, called), (called, caller)):
        await sender.send({"type": "ice_candidate", "target": "YYY222", "payload": {"candidate": ""}})
        candidate = {"type": "ice_candidate", "from": "YYY222", "payload": {"candidate": ""}}
        assert await receiver.receive() == candidate
    await caller.hears_nothing()
    await called.hears_nothing()


async def test_no_device_receives_a_code_that_it_has_not_sent(crossing: Served) -> None:
    caller, called = await device(crossing, "XXX111"), await device(crossing, "YYY222")
    heard = []
    await caller.send(OFFER)
    heard.append(await called.receive())
    await called.send({"type": "answer", "target": "YYY222", "payload": 1})
    await caller.receive()
    assert await called.ask({"type": "offer", "target": "XXX999", "payload": 1}) == NOT_FOUND
    await caller.socket.close()
    await crossing.settled()
    await called.send({"type": "ping"})
    while (frame := await called.receive()) != {"type": "pong"}:
        heard.append(frame)
    assert "XXX111" not in str(heard)


async def test_a_call_to_an_unused_code_finds_no_peer(crossing: Served) -> None:
    caller = await device(crossing, "XXX111")
    assert await caller.ask(OFFER) == NOT_FOUND


async def test_a_device_without_a_code_cannot_call(crossing: Served) -> None:
    called = await device(crossing, "YYY222")
    stranger = await crossing.connect(CANONICAL)
    assert await stranger.ask(OFFER) == error("Not registered")
    await called.hears_nothing()


async def test_a_call_to_a_full_code_is_refused(crossing: Served) -> None:
    one, two = await pair(crossing, "YYY222")
    caller = await device(crossing, "XXX111")
    async with answering(one, two):
        assert (await caller.ask(OFFER))["type"] == "error"
    await one.hears_nothing()
    await two.hears_nothing()


async def test_a_call_replaces_a_device_that_does_not_answer_a_ping(
    crossing: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(challenges, "ANSWER_WITHIN_S", 0.2)
    called = await device(crossing, "YYY222")
    await device(crossing, "YYY222", called, autoping=False)
    caller = await device(crossing, "XXX111")
    await caller.send(OFFER)
    await caller.send({"type": "ice_candidate", "target": "YYY222", "payload": 1})
    assert await called.receive() == peer_left("YYY222")
    assert await called.receive() == {"type": "offer", "from": "YYY222", "payload": {"sdp": "v=0"}}
    assert await called.receive() == {"type": "ice_candidate", "from": "YYY222", "payload": 1}
    await caller.hears_nothing()


async def test_a_pair_under_one_code_works_as_without_the_setting(crossing: Served) -> None:
    a, b = await pair(crossing, "ABC234")
    await b.send({"type": "offer", "target": "ABC234", "payload": 1})
    assert await a.receive() == {"type": "offer", "from": "ABC234", "payload": 1}
    await b.hears_nothing()


async def test_calls_are_limited_like_registrations(crossing: Served) -> None:
    caller, called = await device(crossing, "XXX111"), await device(crossing, "YYY222")
    answers = [await caller.ask({**OFFER, "target": f"no-{number}"}) for number in range(9)]
    assert answers == [NOT_FOUND] * 9
    for _ in range(3):
        assert await caller.ask(OFFER) == error("Invalid pairing code")
    await called.hears_nothing()
    assert (await caller.closed())[0] == 1008
