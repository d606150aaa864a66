from __future__ import annotations

from typing import Any

from signaling_sidecar.hub import Ending
from tests.dialects.manners.manners import Frame, Manners


def _say(room: str, sender: str, to: str, body: Any) -> Frame:
    return {"do": "say", "id": 2, "room": room, "to": to, "text": body}


MANNERS = Manners(
    path=lambda room, peer: "/ws/signaling/club",
    gives_ids=True,
    greets=lambda room, peer: {"event": "hello", "you": peer},
    enter=lambda room, peer, place, size: {"do": "enter", "id": 1, "rooms": [room]},
    entered=lambda room, peer, others: {"id": 1, "result": {"room": room, "peers": others}},
    joined=lambda room, peer: {"event": "entered", "room": room, "peer": peer},
    left=lambda room, peer: {"event": "left", "room": room, "peer": peer},
    offer=_say,
    arrives=lambda room, sender, to, body: {"said": body, "room": room, "from": sender},
    candidate=_say,
    leave=lambda room, peer: {"do": "leave", "id": 3, "rooms": [room]},
    is_error=lambda frame: "error" in frame,
    is_confirmation=lambda peer, frame: "done" in frame.get("result", {}),
    grace_s={Ending.CLOSED: 0, Ending.UNLOADED: 0, Ending.LOST: 10, Ending.STOPPED: 10},
)
