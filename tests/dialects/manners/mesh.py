from __future__ import annotations

from signaling_sidecar.hub import Ending
from tests.dialects.manners.manners import Manners


def _offer(room: str, sender: str, to: str, body: object) -> dict[str, object]:
    return {"type": "offer", "from": sender, "to": to, "sdp": body}


MESH = Manners(
    path=lambda room, peer: f"/ws/signaling/mesh?room={room}",
    enter=lambda room, peer, place, size: {"type": "join", "peerId": peer},
    joined=lambda room, peer: {"type": "peer-joined", "peerId": peer},
    left=lambda room, peer: {"type": "peer-left", "peerId": peer},
    offer=_offer,
    arrives=_offer,
    forged=lambda room, sender, to, other: _offer(room, other, to, "v=0"),
    tells_errors=False,
    candidate=lambda room, sender, to, body: {"type": "candidate", "from": sender, "to": to, "candidate": body},
    grace_s={Ending.CLOSED: 0, Ending.UNLOADED: 0, Ending.LOST: 0, Ending.STOPPED: 5},
)
