"""A waiting user whose connection may have been lost must answer a ping before it gets a room."""

from __future__ import annotations

import asyncio

import pytest

from signaling_sidecar.hub import challenges, matchmaking
from tests.kit.answering import answering
from tests.kit.match_client import PATHS, asks, user, waiting
from tests.kit.programs import until
from tests.kit.serving import Served


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Doubt a request as soon as it waits, and let a challenge wait for an answer for 0.2 s instead of two seconds."""
    monkeypatch.setattr(matchmaking, "ALIVE_FOR_MS", 0)
    monkeypatch.setattr(challenges, "ANSWER_WITHIN_S", 0.2)


async def half_open(served: Served, name: str, size: int) -> None:
    """Connect a user who requests a group and answers no pings, like a device that has lost its network."""
    peer = await served.connect(f"{PATHS[0]}?userId={name}", autoping=False)
    await peer.send(asks(size))
    await served.settled()


async def cancelled(served: Served) -> None:
    await until(lambda: served.records("match.cancelled"), "the half-open connection is removed from the queue")


async def test_a_user_is_not_put_together_with_a_half_open_connection(served: Served) -> None:
    await half_open(served, "dead", 2)
    a, b = await user(served, "a"), await user(served, "b")
    await a.send(asks(2))
    await cancelled(served)
    await b.send(asks(2))
    for found in await asyncio.gather(a.receive(), b.receive()):
        assert found["peers"] == ["a", "b"]


async def test_those_who_answer_keep_their_places_in_the_queue(served: Served) -> None:
    a = await waiting(served, "a", 3)
    await half_open(served, "dead", 3)
    b, c = await user(served, "b"), await user(served, "c")
    async with answering(a):
        await b.send(asks(3))
        await cancelled(served)
    await c.send(asks(3))
    for found in await asyncio.gather(a.receive(), b.receive(), c.receive()):
        assert found["peers"] == ["a", "b", "c"]


async def test_a_user_that_disconnects_during_the_challenge_is_in_no_queue(served: Served) -> None:
    await half_open(served, "dead", 2)
    impatient = await user(served, "impatient")
    await impatient.send(asks(2))
    await served.settled()
    await impatient.socket.close()
    other = await user(served, "other")
    await other.send(asks(2))
    await cancelled(served)
    await other.hears_nothing()
    assert [record["peer"] for record in served.records("match.queued")] == ["dead", "other"]
