"""Clients that connect as PeerJS does."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from tests.kit.serving import Peer, Served

OPEN = {"type": "OPEN"}
TAKEN = {"type": "ID-TAKEN", "payload": {"msg": "ID is taken"}}
PATH = "/ws/signaling/peerjs"


async def handshake(served: Served, path: str = PATH, autoping: bool = True, **query: str) -> Peer:
    """Connect with this query, and read no frame."""
    return await served.connect(f"{path}?{urlencode(query)}", autoping=autoping)


async def connected(served: Served, **changes: Any) -> Peer:
    """Connect, and receive the OPEN. Without a token in `changes`, the token is derived from the id."""
    query = {"key": "peerjs", "token": f"token-of-{changes['id']}", "version": "1.5.5"} | changes
    peer = await handshake(served, **query)
    assert await peer.receive() == OPEN
    return peer


async def ann(served: Served, **changes: Any) -> Peer:
    return await connected(served, id="ann", **changes)


def offer(to: str, payload: Any = 1) -> dict[str, Any]:
    return {"type": "OFFER", "payload": payload, "dst": to}


def offered(sender: str, to: str, payload: Any = 1) -> dict[str, Any]:
    return {"type": "OFFER", "src": sender, "dst": to, "payload": payload}


def error(text: str) -> dict[str, Any]:
    return {"type": "ERROR", "payload": {"msg": text}}
