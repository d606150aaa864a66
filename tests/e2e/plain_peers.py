"""Peers of the dialect `rooms` that are only a WebSocket, for tests that need no WebRTC."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp

from tests.kit.receiving import PATIENCE_S
from tests.kit.sites import Sidecar


class PlainPeer:
    """A peer in a room. It reads all the time, because aiohttp answers pings only while it reads.

    So the peer stays in the room, even if the test reads nothing.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.send_json = socket.send_json
        self._received: asyncio.Queue[Any] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read(socket))

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            self._received.put_nowait(json.loads(message.data))

    async def receive_json(self) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            return await self._received.get()


Join = Callable[..., Awaitable[PlainPeer]]


@asynccontextmanager
async def joining() -> AsyncIterator[Join]:
    """A function that lets a peer join a room, in which it stays until it leaves or this context ends."""
    async with aiohttp.ClientSession() as session, AsyncExitStack() as sockets:

        async def join(sidecar: Sidecar, room: str, peer: str, **more: object) -> PlainPeer:
            socket = await sockets.enter_async_context(session.ws_connect(f"{sidecar.url}/ws/signaling"))
            plain_peer = PlainPeer(socket)
            await plain_peer.send_json({"type": "join", "roomId": room, "peerId": peer, **more})
            assert (await plain_peer.receive_json())["type"] == "peer_list"
            return plain_peer

        yield join
