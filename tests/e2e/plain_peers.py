"""Peers that are plain WebSockets of the dialect `rooms`, for tests in which nobody needs WebRTC."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp

from tests.kit.sites import Sidecar

Join = Callable[..., Awaitable[aiohttp.ClientWebSocketResponse]]


@asynccontextmanager
async def joining() -> AsyncIterator[Join]:
    """A function that lets a peer join a room, in which it stays until it leaves or this context ends."""
    async with aiohttp.ClientSession() as session, AsyncExitStack() as sockets:

        async def join(sidecar: Sidecar, room: str, peer: str, **more: object) -> aiohttp.ClientWebSocketResponse:
            socket = await sockets.enter_async_context(session.ws_connect(f"{sidecar.url}/ws/signaling"))
            await socket.send_json({"type": "join", "roomId": room, "peerId": peer, **more})
            assert (await socket.receive_json())["type"] == "peer_list"
            return socket

        yield join
