"""What a client of `mesh` says and hears, for tests at the edge."""

from __future__ import annotations

from aiohttp import WSMsgType

from tests.kit.serving import PATIENCE_S, Peer, Served

CANONICAL, ORIGINAL = "/ws/signaling/mesh", "/ws"


async def joined(served: Served, name: str, *others: Peer, path: str = CANONICAL) -> Peer:
    """One who has joined; the `others` have heard of it."""
    peer = await served.connect(path)
    assert (await peer.ask({"type": "join", "peerId": name}))["type"] == "peer-list"
    for other in others:
        assert await other.receive() == {"type": "peer-joined", "peerId": name}
    return peer


async def text(peer: Peer) -> str:
    """The next frame, as it is on the wire."""
    message = await peer.socket.receive(timeout=PATIENCE_S)
    assert message.type is WSMsgType.TEXT, message
    return str(message.data)
