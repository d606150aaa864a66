"""The manners of the benchmarks' clients, by name: those of all dialects, and those for servers of other people."""

from __future__ import annotations

from dataclasses import replace

from tests.dialects.manners import MANNERS
from tests.dialects.manners.manners import Manners

PEERJS_SERVER, FLOOR = "peerjs-server", "floor"
ALL_MANNERS = {
    **MANNERS,
    # This server has one room, with a fixed name.
    PEERJS_SERVER: replace(MANNERS["peerjs"], path=lambda room, peer: f"/peerjs?key=peerjs&id={peer}&token=token"),
    # This one connects clients in pairs, and relays whatever they send.
    FLOOR: Manners(
        path=lambda room, peer: "/",
        enter=lambda room, peer, place, size: None,
        entered=lambda room, peer, others: None,
        offer=MANNERS["rooms"].offer,
        arrives=MANNERS["rooms"].offer,
        candidate=MANNERS["rooms"].candidate,
    ),
}
