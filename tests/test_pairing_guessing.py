"""A code of six characters is a secret only as long as nobody can try many."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from tests.pairing_client import CANONICAL, device, error, register, registered
from tests.serving import Peer, Served, serve

INVALID = error("Invalid pairing code")


@pytest.fixture
async def served(aiohttp_client: AiohttpClient, tmp_path: Path) -> Served:
    return await serve(aiohttp_client, tmp_path)


async def guess(peer: Peer, codes: range) -> None:
    for number in codes:
        assert await peer.ask(register(f"code-{number}")) == registered(f"code-{number}")


async def test_a_connection_has_ten_codes_a_minute_and_is_closed_after_three_more(served: Served) -> None:
    peer = await served.connect(CANONICAL)
    await guess(peer, range(10))
    for number in range(3):
        assert await peer.ask(register(f"one-more-{number}")) == INVALID
    assert (await peer.closed())[0] == 1008
    assert len(served.records("peer.joined")) == 10


async def test_a_refused_guess_moves_nobody_and_tells_nobody(served: Served) -> None:
    wanted = await device(served, "ABC234")
    peer = await served.connect(CANONICAL)
    await guess(peer, range(9))
    partner = await device(served, "mine")
    assert await peer.ask(register("mine")) == registered("mine")
    assert (await partner.receive())["type"] == "peer_joined"
    assert await peer.ask(register("ABC234")) == INVALID
    await wanted.hears_nothing()
    await partner.hears_nothing()
    await peer.send({"type": "offer", "payload": 1})
    assert await partner.receive() == {"type": "offer", "from": "mine", "payload": 1}


async def test_ones_own_code_again_is_no_guess(served: Served) -> None:
    peer = await device(served, "ABC234")
    for _ in range(40):
        assert await peer.ask(register("ABC234")) == registered("ABC234")
    await guess(peer, range(9))
    for _ in range(5):
        assert await peer.ask(register("code-8")) == registered("code-8")
    assert await peer.ask(register("one-more")) == INVALID


async def test_all_together_have_a_hundred_codes_a_minute(served: Served) -> None:
    for first in range(0, 100, 10):
        await guess(await served.connect(CANONICAL), range(first, first + 10))
    late = await served.connect(CANONICAL)
    assert await late.ask(register("ABC234")) == INVALID
    assert await late.ask({"type": "ping"}) == {"type": "pong"}


async def test_both_limits_are_settings(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path, pairing_codes_per_minute=2, pairing_codes_per_minute_in_all=5)
    one, two, three = [await served.connect(CANONICAL) for _ in range(3)]
    await guess(one, range(2))
    assert await one.ask(register("one-more")) == INVALID
    await guess(two, range(10, 12))
    await guess(three, range(20, 21))
    assert await three.ask(register("one-more")) == INVALID


async def test_what_is_refused_is_recorded_without_what_was_tried(served: Served) -> None:
    peer = await served.connect(CANONICAL)
    await guess(peer, range(10))
    assert await peer.ask(register("SECRET")) == INVALID
    (record,) = served.records("signal.refused")
    assert (record["kind"], record["dialect"]) == ("register", "pairing")
    assert "SECRET" not in str(record)
