"""Manners describe how a client joins a room, and what it sends and receives.

The benchmarks use manners for all dialects of the sidecar, and for the other servers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.dialects.manners import MANNERS
from tests.dialects.manners.manners import Frame, Manners

PEERJS_SERVER, FLOOR, RESUMABLE = "peerjs-server", "floor", "rooms-resumable"
ROOMS = MANNERS["rooms"]
ALL_MANNERS = {
    **MANNERS,
    # The sessions of these peers can be resumed. So the sidecar keeps each frame until its receiver acknowledges it.
    RESUMABLE: replace(
        ROOMS,
        enter=lambda room, peer, place, size: {
            **ROOMS.enter(room, peer, place, size),
            "instance": peer,
            "resume": True,
        },
    ),
    # PeerServer has only one room, and the key of its room is fixed.
    PEERJS_SERVER: replace(MANNERS["peerjs"], path=lambda room, peer: f"/peerjs?key=peerjs&id={peer}&token=token"),
    # The floor, a minimal server in C, connects clients in pairs and relays all their frames.
    FLOOR: Manners(
        path=lambda room, peer: "/",
        enter=lambda room, peer, place, size: None,
        entered=lambda room, peer, others: None,
        offer=ROOMS.offer,
        arrives=ROOMS.offer,
        candidate=ROOMS.candidate,
    ),
}
ACKNOWLEDGES: dict[str, Callable[[int], Frame]] = {RESUMABLE: lambda count: {"type": "ack", "a": count}}
"""Maps the name of manners to a function. Given a number of frames, it returns the frame that acknowledges them."""
