"""If a third device uses a code, the other two must answer a ping, so that a half-open connection blocks nobody."""

from __future__ import annotations

import asyncio

import pytest

from signaling_sidecar.hub import challenges
from tests.kit.answering import answering
from tests.kit.pairing_client import CANONICAL, device, error, pair, peer_joined, peer_left, register, registered
from tests.kit.serving import Served

FULL = error("Pairing code already has maximum peers")


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a challenge wait for an answer for 0.2 s instead of two seconds."""
    monkeypatch.setattr(challenges, "ANSWER_WITHIN_S", 0.2)


async def test_a_newcomer_is_refused_if_both_devices_answer_the_challenge(served: Served) -> None:
    a, b = await pair(served, "ABC234")
    third = await served.connect(CANONICAL)
    async with answering(a, b):
        assert await third.ask(register("ABC234")) == FULL
    await third.hears_nothing()
    assert len(served.records("peer.challenged")) == 2
    assert served.refusals() == ["room-full"]


async def test_a_half_open_connection_is_replaced_and_the_partner_is_told(served: Served) -> None:
    a = await device(served, "ABC234")
    half_open = await device(served, "ABC234", a, autoping=False)
    newcomer = await served.connect(CANONICAL)
    begun = asyncio.get_running_loop().time()
    await newcomer.send(register("ABC234"))
    assert await a.receive() == peer_left("ABC234")
    assert await newcomer.receive() == registered("ABC234")
    assert 1.5 < asyncio.get_running_loop().time() - begun < 4
    assert await a.receive() == peer_joined("ABC234")
    await half_open.send({"type": "offer", "payload": "too late"})
    await newcomer.send({"type": "offer", "payload": 1})
    assert await a.receive() == {"type": "offer", "from": "ABC234", "payload": 1}
    half_open.socket._writer.transport.abort()  # type: ignore[union-attr]
    await a.hears_nothing()
    await newcomer.hears_nothing()


@pytest.mark.usefixtures("soon")
async def test_two_half_open_connections_do_not_block_a_code(served: Served) -> None:
    await pair(served, "ABC234", autoping=False)
    newcomer = await served.connect(CANONICAL)
    assert await newcomer.ask(register("ABC234")) == registered("ABC234")
    await newcomer.hears_nothing()
    await device(served, "ABC234", newcomer)


@pytest.mark.usefixtures("soon")
async def test_a_newcomer_leaves_its_other_code_only_if_it_is_admitted(served: Served) -> None:
    a = await device(served, "ABC234")
    await device(served, "ABC234", a, autoping=False)
    mover, left_behind = await pair(served, "XYZ789")
    await mover.send(register("ABC234"))
    assert await a.receive() == peer_left("ABC234")
    assert await mover.receive() == registered("ABC234")
    assert await a.receive() == peer_joined("ABC234")
    assert await left_behind.receive() == peer_left("XYZ789")


async def test_a_newcomer_is_admitted_if_a_device_leaves_during_the_challenge(served: Served) -> None:
    a = await device(served, "ABC234")
    half_open = await device(served, "ABC234", a, autoping=False)
    newcomer = await served.connect(CANONICAL)
    await newcomer.send(register("ABC234"))
    await half_open.socket.close()
    assert await a.receive() == peer_left("ABC234")
    assert await newcomer.receive() == registered("ABC234")
    assert await a.receive() == peer_joined("ABC234")


async def test_a_newcomer_that_disconnects_during_the_challenge_has_no_effect(served: Served) -> None:
    """This test does not shorten the two seconds for an answer, because the newcomer must disconnect within them."""
    a = await device(served, "ABC234")
    await device(served, "ABC234", a, autoping=False)
    impatient = await served.connect(CANONICAL)
    async with answering(a):
        await impatient.send(register("ABC234"))
        await served.settled()
        await impatient.socket.close()
    newcomer = await served.connect(CANONICAL)
    await newcomer.send(register("ABC234"))
    assert await a.receive() == peer_left("ABC234")
    assert await newcomer.receive() == registered("ABC234")
    assert await a.receive() == peer_joined("ABC234")
    await a.hears_nothing()
