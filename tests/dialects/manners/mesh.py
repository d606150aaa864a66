from __future__ import annotations

from signaling_sidecar.hub import Ending
from tests.dialects.manners.manners import Manners


def _offer(room: str, sender: str, to: str, body: object) -> dict[str, object]:
    return {"type": "offer", "from": sender, "to": to, "sdp": body}


MANNERS = Manners(
    path=lambda room, peer: f"/ws/signaling/mesh?room={room}",
    enter=lambda room, peer, place, size: {"type": "join", "peerId": peer},
    other_paths=lambda room, peer: (f"/ws?room={room}",),
    entered=lambda room, peer, others: {"type": "peer-list", "peers": others},
    joined=lambda room, peer: {"type": "peer-joined", "peerId": peer},
    left=lambda room, peer: {"type": "peer-left", "peerId": peer},
    offer=_offer,
    arrives=_offer,
    forged=lambda room, sender, to, other: _offer(room, other, to, "v=0"),
    is_error=None,
    relays_any_kind=True,
    candidate=lambda room, sender, to, body: {"type": "candidate", "from": sender, "to": to, "candidate": body},
    grace_s={Ending.CLOSED: 0, Ending.UNLOADED: 0, Ending.LOST: 0, Ending.STOPPED: 5},
)
