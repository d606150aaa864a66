"""Clients of `matchbox`, for tests with real sockets."""

from __future__ import annotations

from typing import Any

from yarl import URL

from tests.kit.serving import Peer, Served

PATH = "/ws/signaling/matchbox"


async def arrives(served: Served, url: str, *others: Peer) -> tuple[str, Peer]:
    """Connect a peer, read the announcement that each peer in `others` receives, and return the new id and peer."""
    peer = await served.connect(URL(PATH + url, encoded=True))
    id_ = (await peer.receive())["IdAssigned"]
    for other in others:
        assert await other.receive() == {"NewPeer": id_}
    return id_, peer


async def signals(data: Any, sender: tuple[str, Peer], receiver: tuple[str, Peer]) -> None:
    """Send a signal, and wait until it has arrived."""
    await sender[1].send({"Signal": {"receiver": receiver[0], "data": data}})
    assert await receiver[1].receive() == {"Signal": {"sender": sender[0], "data": data}}
