from __future__ import annotations

from signaling_sidecar.hub import Ending
from tests.dialects.manners.manners import Manners

MANNERS = Manners(
    path=lambda room, peer: "/ws/signaling/pairing",
    enter=lambda room, peer, place, size: {"type": "register", "pairingCode": room},
    other_paths=lambda room, peer: ("/", "/ws"),
    entered=lambda room, peer, others: {"type": "registered", "pairingCode": room},
    joined=lambda room, peer: {"type": "peer_joined", "pairingCode": room},
    left=lambda room, peer: {"type": "peer_left", "pairingCode": room},
    offer=lambda room, sender, to, body: {"type": "offer", "target": room, "payload": body},
    arrives=lambda room, sender, to, body: {"type": "offer", "from": room, "payload": body},
    names_receivers=False,  # the receiver is the only other device with this code
    replaces=False,  # devices have no ids
    candidate=lambda room, sender, to, body: {"type": "ice_candidate", "target": room, "payload": body},
    grace_s={Ending.CLOSED: 0, Ending.UNLOADED: 0, Ending.LOST: 0, Ending.STOPPED: 5},
)
