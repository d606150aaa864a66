"""Makes peers answer pings, which clients of aiohttp do only while they receive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from tests.kit.serving import Peer


@asynccontextmanager
async def answering(*peers: Peer) -> AsyncIterator[None]:
    """In the body of the `with` statement, these peers answer pings. They must not receive any frame there."""
    async with AsyncExitStack() as stack:
        for peer in peers:
            await stack.enter_async_context(_answering(peer))
        yield


@asynccontextmanager
async def _answering(peer: Peer) -> AsyncIterator[None]:
    hearing = asyncio.ensure_future(peer.socket.receive())
    try:
        yield
        assert not hearing.done(), f"heard {hearing.result()}, but nothing was expected"
    finally:
        hearing.cancel()
        with suppress(asyncio.CancelledError):
            await hearing
