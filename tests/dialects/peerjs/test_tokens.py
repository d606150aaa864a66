"""A client may take over a peer id that is in use only with the same token, which PeerJS generates."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.hub import challenges
from tests.dialects.peerjs.peers import OPEN, TAKEN, ann, connected, handshake, offer, offered
from tests.kit.answering import answering
from tests.kit.serving import Peer, Served, serve

STRANGER = {"id": "ann", "token": "another", "key": "peerjs"}


async def call(caller: Peer) -> None:
    await caller.send(offer("ann"))


async def test_the_same_token_gets_its_open_at_once_and_the_older_connection_is_closed(served: Served) -> None:
    older, ben = await ann(served), await connected(served, id="ben")
    newer = await ann(served)
    assert await older.closed() == (4001, "replaced")
    await call(ben)
    assert await newer.receive() == offered("ben", "ann")
    assert served.records("peer.challenged") == []


async def test_another_token_does_not_get_the_id_of_a_client_that_is_alive(served: Served) -> None:
    first, ben = await ann(served), await connected(served, id="ben")
    stranger = await handshake(served, **STRANGER)
    async with answering(first):
        assert await stranger.receive() == TAKEN
        assert await stranger.closed() == (1008, "id-taken")
    await call(ben)
    assert await first.receive() == offered("ben", "ann")


async def test_another_token_gets_the_id_of_a_half_open_connection(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(challenges, "ANSWER_WITHIN_S", 0.1)
    await ann(served, autoping=False)
    assert await (await handshake(served, **STRANGER)).receive() == OPEN


async def test_after_a_lost_connection_another_token_gets_the_id_and_the_contacts_are_told(served: Served) -> None:
    first, ben = await ann(served), await connected(served, id="ben")
    await call(ben)
    await first.receive()
    await first.socket.close(code=4999)
    await served.settled()
    reloaded = await handshake(served, **STRANGER)
    assert await reloaded.receive() == OPEN
    assert await ben.receive() == {"type": "LEAVE", "src": "ann"}
    await call(ben)
    assert await reloaded.receive() == offered("ben", "ann")


async def test_after_a_restart_a_client_finds_its_session_and_its_frames_with_its_token(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await serve(aiohttp_client, tmp_path)
    first, ben = await ann(served), await connected(served, id="ben")
    await first.socket.close(code=4999)
    await served.settled()
    await call(ben)
    await served.settled()
    await served.stop()
    served.forget_peers()
    again = await serve(aiohttp_client, tmp_path)
    back = await ann(again)
    assert await back.receive() == offered("ben", "ann")
    ben = await connected(again, id="ben")
    assert [record["peer"] for record in again.records("peer.resumed")] == ["ann", "ben"]
    await ben.socket.close(code=1001)
    assert await back.receive() == {"type": "LEAVE", "src": "ben"}
    assert "token-of" not in str(again.records()), "only the hash of a token is recorded"


async def test_many_clients_with_one_id_leave_one_of_them_with_it(served: Served) -> None:
    first = await ann(served)
    async with answering(first):
        strangers = [await handshake(served, **{**STRANGER, "token": f"token-{number}"}) for number in range(5)]
        answers = await asyncio.gather(*(each.receive() for each in strangers))
    assert answers == [TAKEN] * 5
