"""How connections are kept alive and end: pings, idle connections, limits, and the end of the sidecar."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import WSMsgType
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.server.sockets import connection
from tests.kit.receiving import PATIENCE_S, receive
from tests.kit.serving import serve


async def test_a_peer_that_answers_pings_stays_and_one_that_does_not_is_dropped(
    aiohttp_client: AiohttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PING_EVERY_S", 0.05)
    monkeypatch.setattr(connection, "PONG_WITHIN_S", 0.2)
    served = await serve(aiohttp_client, tmp_path)
    answering, silent = await served.connect(), await served.connect(autoping=False)
    await silent.join("silent")
    await answering.join("answering")
    assert (await silent.receive())["type"] == "peer_joined"
    heard = asyncio.create_task(answering.receive())
    seen = []
    async with asyncio.timeout(PATIENCE_S):
        while (message := await silent.socket.receive()).type in (WSMsgType.PING, WSMsgType.TEXT):
            seen.append(message.type)
            if message.type is WSMsgType.PING:
                await silent.send({"type": "list_rooms"})  # it sends frames, but answers no pings
    assert WSMsgType.PING in seen
    assert await heard == {"type": "peer_updated", "peerId": "silent", "away": True}
    (closed,) = [r for r in served.records("connection.closed") if r.get("peer") == "silent"]
    assert (closed["data"]["reason"], closed["data"]["by"]) == ("no pong", "sidecar")


async def test_a_clients_own_ping_is_answered(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path)
    peer = await served.connect(autoping=False)
    await peer.socket.ping(b"are you there")
    message = await receive(peer.socket)
    assert (message.type, message.data) == (WSMsgType.PONG, b"are you there")


async def test_only_a_connection_that_never_sends_is_closed(
    aiohttp_client: AiohttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "FIRST_FRAME_WITHIN_S", 0.2)
    served = await serve(aiohttp_client, tmp_path)
    talker, idle = await served.connect(), await served.connect()
    assert await talker.ask({"type": "ping"}) == {"type": "pong"}
    assert await idle.closed() == (1008, "idle")
    assert await talker.ask({"type": "ping"}) == {"type": "pong"}


async def test_a_connection_over_the_limit_is_closed(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path, max_connections=1)
    first = await served.connect()
    assert await (await served.connect()).closed() == (1013, "full")
    assert (await first.join("a"))["type"] == "peer_list"


async def test_a_clean_stop_closes_all_connections_with_1012_and_ends_the_log(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    served = await serve(aiohttp_client, tmp_path)
    peers = [await served.connect() for _ in range(3)]
    for name, peer in zip("abc", peers, strict=True):
        await peer.join(name)
    last = peers[-1]
    closing = asyncio.create_task(served.client.server.close())
    assert await last.closed() == (1012, "restart")
    for peer in peers[:-1]:
        message = await receive(peer.socket, WSMsgType.TEXT)
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1012)
    await closing
    records = served.records()
    assert records[-1]["type"] == "server.stopped"
    away = {record["peer"]: record["data"]["ending"] for record in records if record["type"] == "peer.away"}
    assert away == {"a": "stopped", "b": "stopped", "c": "stopped"}


async def test_received_frames_are_already_in_the_log(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path)
    one, two = await served.connect(), await served.connect()
    await one.join("a")
    await two.join("b")
    await one.receive()
    for number in range(200):
        await two.send({"type": "signal", "to": "a", "n": number})
    for number in range(200):
        await one.receive()
        assert served.records("signal.relayed")[-1]["data"]["n"] >= number
