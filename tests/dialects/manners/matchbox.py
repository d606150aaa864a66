from __future__ import annotations

from typing import Any

from signaling_sidecar.hub import Ending
from tests.dialects.manners.manners import Frame, Manners


def _signal(to: str, signal: str, body: Any) -> Frame:
    return {"Signal": {"receiver": to, "data": {signal: body}}}


MANNERS = Manners(
    path=lambda room, peer: f"/ws/signaling/matchbox/{room}",
    gives_ids=True,
    enter=lambda room, peer, place, size: None,
    entered=lambda room, peer, others: {"IdAssigned": peer},
    joined=lambda room, peer: {"NewPeer": peer},
    left=lambda room, peer: {"PeerLeft": peer},
    offer=lambda room, sender, to, body: _signal(to, "Offer", body),
    arrives=lambda room, sender, to, body: {"Signal": {"sender": sender, "data": {"Offer": body}}},
    candidate=lambda room, sender, to, body: _signal(to, "IceCandidate", body),
    is_error=None,
    announces_newer=True,
    grace_s=dict.fromkeys(Ending, 0),
)
