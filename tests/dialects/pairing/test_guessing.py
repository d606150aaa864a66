"""The number of codes that a client may try is limited, because a code has only six characters."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.server.http.client_address import FORWARDED_FOR, PROXY_HEADER, counted_as
from tests.kit.pairing_client import CANONICAL, device, error, register, registered
from tests.kit.serving import Peer, Served, serve
from tests.kit.site_file import SECRET, write_site

INVALID = error("Invalid pairing code")


async def guess(peer: Peer, codes: range) -> None:
    for number in codes:
        assert await peer.ask(register(f"code-{number}")) == registered(f"code-{number}")


async def test_a_connection_may_try_ten_codes_per_minute_and_is_closed_after_three_more(served: Served) -> None:
    peer = await served.connect(CANONICAL)
    await guess(peer, range(10))
    for number in range(3):
        assert await peer.ask(register(f"one-more-{number}")) == INVALID
    assert (await peer.closed())[0] == 1008
    assert len(served.records("peer.joined")) == 10


async def test_a_refused_guess_has_no_effect_on_anybody(served: Served) -> None:
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


async def test_repeating_its_own_code_is_not_a_guess(served: Served) -> None:
    peer = await device(served, "ABC234")
    for _ in range(40):
        assert await peer.ask(register("ABC234")) == registered("ABC234")
    await guess(peer, range(9))
    for _ in range(5):
        assert await peer.ask(register("code-8")) == registered("code-8")
    assert await peer.ask(register("one-more")) == INVALID


async def test_a_client_at_the_limit_does_not_block_others(served: Served) -> None:
    """All clients have the same address here."""
    for first in range(0, 240, 6):
        guesser = await served.connect(CANONICAL)
        answers = [await guesser.ask(register(f"code-{number}")) for number in range(first, first + 6)]
    assert answers[-3:] == [INVALID] * 3
    ann, ben = await device(served, "slip of the finger"), await served.connect(CANONICAL)
    assert await ann.ask(register("ABC234")) == registered("ABC234")
    assert await ben.ask(register("ABC234")) == registered("ABC234")
    assert (await ann.receive())["type"] == "peer_joined"


async def test_one_address_may_try_a_hundred_codes_per_minute_beyond_the_first_of_each_connection(
    served: Served,
) -> None:
    guessers = [await served.connect(CANONICAL) for _ in range(15)]
    for number, guesser in enumerate(guessers):
        await guess(guesser, range(10 * number, 10 * number + (10 if number < 14 else 3)))
    refused = await guessers[-1].ask(register("one-more"))
    assert refused == registered("one-more")  # the 99th counted try: of ten tries, seven are counted
    assert await guessers[-1].ask(register("another")) == registered("another")
    assert await guessers[-1].ask(register("the-101st")) == INVALID
    assert await guessers[-1].ask({"type": "ping"}) == {"type": "pong"}


async def test_the_first_attempts_of_connections_are_limited_too(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path, pairing_codes_per_minute_per_address=1)
    for number in range(10):
        await guess(await served.connect(CANONICAL), range(number, number + 1))
    late = await served.connect(CANONICAL)
    assert await late.ask(register("ABC234")) == INVALID


@pytest.mark.one_sidecar("only one of them has a Vite, whose header it trusts")
async def test_attempts_are_counted_for_each_address_separately(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    """Behind Vite, every connection comes from this machine, and a header of the plugin contains the address of the
    client."""
    served = await serve(aiohttp_client, tmp_path, pairing_codes_per_minute_per_address=1)
    write_site(tmp_path, "my-app")

    async def from_(address: str) -> Peer:
        headers = {PROXY_HEADER: SECRET, FORWARDED_FOR: f"10.9.9.9, {address}"}
        return await served.connect(CANONICAL, headers=headers)

    for number in range(10):
        await guess(await from_("10.0.0.7"), range(number, number + 1))
    assert await (await from_("10.0.0.7")).ask(register("ABC234")) == INVALID
    assert await (await from_("10.0.0.8")).ask(register("ABC234")) == registered("ABC234")
    assert await (await served.connect(CANONICAL)).ask(register("ABC234")) == registered("ABC234")


def test_an_ipv6_network_counts_as_one_address() -> None:
    assert counted_as("2001:db8::1") == counted_as("2001:db8::ffff:2") == "2001:db8::/64"
    assert counted_as("fe80::1%eth0") == "fe80::/64"
    assert (counted_as("10.0.0.7"), counted_as(None)) == ("10.0.0.7", None)


async def test_the_limit_of_a_connection_is_a_setting(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path, pairing_codes_per_minute=2)
    one = await served.connect(CANONICAL)
    await guess(one, range(2))
    assert await one.ask(register("one-more")) == INVALID


async def test_refusals_are_recorded_without_the_code_that_was_tried(served: Served) -> None:
    peer = await served.connect(CANONICAL)
    await guess(peer, range(10))
    assert await peer.ask(register("SECRET")) == INVALID
    (record,) = served.records("signal.refused")
    assert (record["kind"], record["dialect"]) == ("register", "pairing")
    assert "SECRET" not in str(record)
