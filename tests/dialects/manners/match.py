from __future__ import annotations

from signaling_sidecar.hub import Ending
from tests.dialects.manners.manners import Manners

MANNERS = Manners(
    path=lambda room, peer: f"/ws/signaling/match?userId={peer}",
    enter=lambda room, peer, place, size: {"type": "matchmaking", "matchSize": size, "from": peer},
    other_paths=lambda room, peer: (f"/signal?userId={peer}",),
    entered=lambda room, peer, others: {"type": "room-found", "peers": others},
    waits_for_all=True,
    offer=lambda room, sender, to, body: {"type": "offer", "to": to, "from": sender, "sdp": body},
    arrives=lambda room, sender, to, body: {"type": "offer", "from": sender, "sdp": body},
    forged=lambda room, sender, to, other: {"type": "offer", "to": to, "from": other, "sdp": "v=0"},
    is_error=None,
    candidate=lambda room, sender, to, body: {"type": "ice-candidate", "to": to, "from": sender, "candidate": body},
    grace_s={Ending.CLOSED: 5, Ending.UNLOADED: 5, Ending.LOST: 5, Ending.STOPPED: 5},
)
