from __future__ import annotations

from typing import Any

from signaling_sidecar.hub import Ending
from tests.dialects.manners.manners import Frame, Manners


def _signal(room: str, sender: str, to: str, signal: Any) -> Frame:
    data = {"to": to, "from": sender, "type": "signal", "token": 1735171200000.5, "signal": signal}
    return {"type": "publish", "topic": room, "data": data}


def _offer(room: str, sender: str, to: str, body: Any) -> Frame:
    return _signal(room, sender, to, {"type": "offer", "sdp": body})


def _candidate(room: str, sender: str, to: str, body: Any) -> Frame:
    return _signal(room, sender, to, {"type": "candidate", "candidate": body})


MANNERS = Manners(
    path=lambda room, peer: "/ws/signaling/y-webrtc",
    other_paths=lambda room, peer: ("/ws",),
    gives_ids=True,
    enter=lambda room, peer, place, size: {"type": "subscribe", "topics": [room]},
    entered=lambda room, peer, others: None,
    offer=_offer,
    arrives=lambda room, sender, to, body: {**_offer(room, sender, to, body), "clients": 2},
    candidate=_candidate,
    leave=lambda room, peer: {"type": "unsubscribe", "topics": [room]},
    is_error=None,
    is_confirmation=lambda peer, frame: frame["type"] == "publish" and frame["data"]["from"] == peer,
    sends_to_other_rooms=True,
    grace_s=dict.fromkeys(Ending, 0),
)
