"""Clients of the dialect `mesh`, for tests with real sockets."""

from __future__ import annotations

from aiohttp import WSMsgType

from tests.kit.receiving import receive
from tests.kit.serving import Peer, Served

CANONICAL, ORIGINAL = "/ws/signaling/mesh", "/ws"


async def joined(served: Served, name: str, *others: Peer, path: str = CANONICAL) -> Peer:
    """Let a peer join, and read the announcement that each peer in `others` receives."""
    peer = await served.connect(path)
    assert (await peer.ask({"type": "join", "peerId": name}))["type"] == "peer-list"
    for other in others:
        assert await other.receive() == {"type": "peer-joined", "peerId": name}
    return peer


async def text(peer: Peer) -> str:
    """Return the text of the next frame, as it is on the wire."""
    message = await receive(peer.socket)
    assert message.type is WSMsgType.TEXT, message
    return str(message.data)
