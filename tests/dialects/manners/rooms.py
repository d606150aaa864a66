from __future__ import annotations

from signaling_sidecar.hub import Ending
from tests.dialects.manners.manners import Manners

MANNERS = Manners(
    path=lambda room, peer: "/ws/signaling",
    enter=lambda room, peer, place, size: {"type": "join", "roomId": room, "peerId": peer},
    entered=lambda room, peer, others: {"type": "peer_list", "peers": [{"peerId": other} for other in others]},
    joined=lambda room, peer: {"type": "peer_joined", "peerId": peer},
    left=lambda room, peer: {"type": "peer_left", "peerId": peer},
    offer=lambda room, sender, to, body: {"type": "offer", "to": to, "body": body},
    arrives=lambda room, sender, to, body: {"type": "offer", "to": to, "body": body, "from": sender},
    forged=lambda room, sender, to, other: {"type": "offer", "to": to, "from": other},
    leave=lambda room, peer: {"type": "leave", "roomId": room, "peerId": peer},
    candidate=lambda room, sender, to, body: {"type": "candidate", "to": to, "candidate": body},
    grace_s={Ending.CLOSED: 0, Ending.UNLOADED: 5, Ending.LOST: 30, Ending.STOPPED: 30},
)
