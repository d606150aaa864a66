"""The hub keeps the state of all rooms and sessions, and decides which messages are sent to which peers. It does no
I/O."""

from signaling_sidecar.hub.checkpoint import Checkpoint, checkpoint
from signaling_sidecar.hub.hub import Hub
from signaling_sidecar.hub.lenient_reading import read_back
from signaling_sidecar.hub.restoration import Past
from signaling_sidecar.hub.restore import Restore
from signaling_sidecar.hub.rules import Ending, OwnRules, RoomKey, RoomRules
from signaling_sidecar.hub.state import Ids

__all__ = [
    "Checkpoint",
    "Ending",
    "Hub",
    "Ids",
    "OwnRules",
    "Past",
    "Restore",
    "RoomKey",
    "RoomRules",
    "checkpoint",
    "read_back",
]
