from __future__ import annotations

from signaling_sidecar.hub import Ending
from tests.dialects.manners.manners import Manners
from tests.kit.text_frames import Text

MANNERS = Manners(
    path=lambda room, peer: "/ws/signaling/courier",
    greets=lambda room, peer: Text("hello"),
    enter=lambda room, peer, place, size: ["enter", room, peer],
    entered=lambda room, peer, others: ["here", others],
    joined=lambda room, peer: ["came", peer],
    left=lambda room, peer: ["went", peer],
    offer=lambda room, sender, to, body: ["offer", to, body],
    arrives=lambda room, sender, to, body: ["offer", sender, body],
    leave=lambda room, peer: Text("exit"),
    is_confirmation=lambda peer, frame: frame[0] == "room",  # the answer to a join is two frames
    is_error=lambda frame: frame[0] == "wrong",
    candidate=lambda room, sender, to, body: ["candidate", to, body],
    also=lambda room, sender, to: (bytes((len(to),)) + to.encode() + b"\x00\xff",),
    grace_s={Ending.CLOSED: 0, Ending.UNLOADED: 0, Ending.LOST: 0, Ending.STOPPED: 5},
)
