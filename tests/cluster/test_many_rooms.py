"""Another sidecar takes over ten thousand rooms, and their clients can send frames again soon."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp

from tests.kit.cluster_processes import LEASE_S, Instance, cluster_processes
from tests.kit.receiving import receive_json
from tests.kit.redis_server import RedisServer

TOPICS = 100  # the number of topics to which each client of `y-webrtc` subscribes
PAIRS = 100


async def test_ten_thousand_rooms_go_on_after_their_owner_was_killed(
    tmp_path: Path, redis: RedisServer, measured: list[str]
) -> None:
    async with cluster_processes(tmp_path, redis) as cluster, AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(limit=0)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))

        async def subscribe(instance: Instance, number: int) -> aiohttp.ClientWebSocketResponse:
            socket = await stack.enter_async_context(session.ws_connect(f"{instance.url}/ws/signaling/y-webrtc"))
            topics = [f"topic-{number}-{each}" for each in range(TOPICS)]
            await socket.send_json({"type": "subscribe", "topics": topics})
            await socket.send_json({"type": "ping"})
            await _received(socket, "pong")
            return socket

        owner, [here, there] = await cluster.owner(), await cluster.fronts()
        senders = [await subscribe(here, number) for number in range(PAIRS)]
        receivers = [await subscribe(there, number) for number in range(PAIRS)]
        await owner.kill()
        killed_s = time.monotonic()
        for number, sender in enumerate(senders):
            await sender.send_json({"type": "publish", "topic": f"topic-{number}-0", "data": {"n": number}})
        await asyncio.gather(*(_received(each, "publish") for each in receivers))
        took_s = time.monotonic() - killed_s
        measured.append(
            f"kill -9 of the owner of {PAIRS * TOPICS} rooms, lease {LEASE_S:g} s: all go on in {took_s:.2f} s"
        )


async def _received(socket: aiohttp.ClientWebSocketResponse, type_: str) -> None:
    while (await receive_json(socket))["type"] != type_:
        pass
