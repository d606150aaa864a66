from __future__ import annotations

from typing import Any

from signaling_sidecar.hub import Ending
from tests.dialects.manners.manners import Frame, Manners


def _frame(kind: str, to: str, body: Any) -> Frame:
    return {"type": kind, "dst": to, "payload": body}


def _handshake(room: str, peer: str) -> str:
    return f"peerjs?key={room}&id={peer}&token=token-of-{peer}&version=1.5.5"


MANNERS = Manners(
    path=lambda room, peer: f"/ws/signaling/{_handshake(room, peer)}",
    other_paths=lambda room, peer: (f"/ws/signaling/peerjs/{_handshake(room, peer)}", f"/{_handshake(room, peer)}"),
    enter=lambda room, peer, place, size: None,
    entered=lambda room, peer, others: {"type": "OPEN"},
    turned_away=lambda text: {"type": "ERROR", "payload": {"msg": text}},
    offer=lambda room, sender, to, body: _frame("OFFER", to, body),
    arrives=lambda room, sender, to, body: {"type": "OFFER", "src": sender, "dst": to, "payload": body},
    candidate=lambda room, sender, to, body: _frame(
        "CANDIDATE", to, {"candidate": body, "type": "data", "connectionId": "dc_1"}
    ),
    leave=lambda room, peer: {"type": "LEAVE"},
    is_error=None,  # PeerJS would disconnect
    grace_s={Ending.CLOSED: 0, Ending.UNLOADED: 0, Ending.LOST: 30, Ending.STOPPED: 30},
)
