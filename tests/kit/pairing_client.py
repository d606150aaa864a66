"""Clients of the dialect `pairing`, for tests with real sockets."""

from __future__ import annotations

from typing import Any

from tests.kit.serving import Peer, Served

CANONICAL = "/ws/signaling/pairing"


def register(code: str, **more: Any) -> dict[str, Any]:
    return {"type": "register", "pairingCode": code, **more}


def registered(code: str) -> dict[str, Any]:
    return {"type": "registered", "pairingCode": code}


def peer_joined(code: str) -> dict[str, Any]:
    return {"type": "peer_joined", "pairingCode": code}


def peer_left(code: str) -> dict[str, Any]:
    return {"type": "peer_left", "pairingCode": code}


def error(message: str) -> dict[str, Any]:
    return {"type": "error", "message": message}


async def device(served: Served, code: str, partner: Peer | None = None, path: str = CANONICAL, **options: Any) -> Peer:
    """Connect a device that registers `code`, and read the announcement that its `partner` receives."""
    peer = await served.connect(path, **options)
    assert await peer.ask(register(code)) == registered(code)
    if partner is not None:
        assert await partner.receive() == peer_joined(code)
    return peer


async def pair(served: Served, code: str, **options: Any) -> tuple[Peer, Peer]:
    first = await device(served, code, **options)
    return first, await device(served, code, first, **options)
