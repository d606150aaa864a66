from __future__ import annotations

from typing import Any

from signaling_sidecar.hub import Ending
from tests.dialects.manners.manners import Frame, Manners


def _frame(kind: str, room: str, user: str, **more: Any) -> Frame:
    return {"type": kind, "roomId": room, "userId": user, "timestamp": 0, **more}


def _offer(room: str, sender: str, to: str, body: Any) -> Frame:
    return _frame("WEBRTC_OFFER", room, sender, targetUserId=to, offer=body)


MANNERS = Manners(
    path=lambda room, peer: f"/ws/signaling/hosted/{room}",
    enter=lambda room, peer, place, size: _frame("JOIN_ROOM" if place else "CREATE_ROOM", room, peer),
    other_paths=lambda room, peer: (f"/ws/signaling/hosted?roomId={room}", f"/ws?roomId={room}"),
    entered=lambda room, peer, others: {
        "type": "ROOM_JOINED" if others else "ROOM_CREATED",
        "userId": peer,
        "roomState": {"id": room, "users": [{"id": each} for each in (*others, peer)]},
    },
    joined=lambda room, peer: {"type": "USER_JOINED", "userId": "system", "joinedUser": {"id": peer}},
    left=lambda room, peer: {"type": "USER_LEFT", "userId": "system", "leftUserId": peer},
    offer=_offer,
    arrives=_offer,
    forged=lambda room, sender, to, other: _offer(room, other, to, {}),
    leave=lambda room, peer: _frame("LEAVE_ROOM", room, peer),
    replaces=False,
    candidate=lambda room, sender, to, body: _frame(
        "WEBRTC_ICE_CANDIDATE", room, sender, targetUserId=to, candidate=body
    ),
    grace_s={Ending.CLOSED: 30, Ending.UNLOADED: 30, Ending.LOST: 30, Ending.STOPPED: 30},
)
