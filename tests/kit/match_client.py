"""Clients of the dialect `match`, for tests with real sockets."""

from __future__ import annotations

from typing import Any

from tests.kit.serving import Peer, Served

PATHS = ["/ws/signaling/match", "/signal"]


async def user(served: Served, name: str, path: str = PATHS[0]) -> Peer:
    return await served.connect(f"{path}?userId={name}")


async def waiting(served: Served, name: str, size: int) -> Peer:
    """Connect a user who requests a group of this size, and receives no answer yet."""
    peer = await user(served, name)
    await peer.send({"type": "matchmaking", "matchSize": size, "from": name})
    await peer.hears_nothing()
    return peer


async def group(served: Served, *names: str) -> list[Peer]:
    """Connect users who are put into one group."""
    peers = [await waiting(served, name, len(names)) for name in names[:-1]]
    last = await user(served, names[-1])
    await last.send({"type": "matchmaking", "matchSize": len(names)})
    for peer in (*peers, last):
        assert (await peer.receive())["peers"] == list(names)
    return [*peers, last]


def asks(size: Any, **more: Any) -> dict[str, Any]:
    return {"type": "matchmaking", "matchSize": size, **more}
