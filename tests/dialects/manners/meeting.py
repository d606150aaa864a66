"""How peers of any dialect come together, on real sockets."""

from __future__ import annotations

from typing import Any

from tests.dialects.manners.manners import Frame, Manners
from tests.kit.serving import Peer, Served


async def meet(served: Served, manners: Manners, room: str, *names: str, **options: Any) -> list[Peer]:
    """Peers who are in one room, and have heard all that there is to hear of that."""
    peers: list[Peer] = []
    for place, name in enumerate(names):
        peer = await served.connect(manners.path(room, name), **options)
        await peer.send(manners.enter(room, name, place, len(names)))
        if not manners.waits_for_all:
            await peer.receive()
        for other in () if manners.waits_for_all else peers:
            await hears(other, manners.joined(room, name))
        peers.append(peer)
        await served.settled()
    for peer in peers if manners.waits_for_all else ():
        await peer.receive()
    return peers


async def hears(peer: Peer, frame: Frame | None) -> None:
    """The peer's next frame has all of this; None: there is none."""
    if frame is None:
        return await peer.hears_nothing()
    heard = await peer.receive()
    assert frame.items() <= heard.items(), heard
    return None
