"""The pure core: rooms, sessions and who is told what."""

from signaling_sidecar.hub.checkpoint import checkpoint
from signaling_sidecar.hub.hub import Hub, Ids
from signaling_sidecar.hub.rules import Ending, RoomKey, RoomRules

__all__ = ["Ending", "Hub", "Ids", "RoomKey", "RoomRules", "checkpoint"]
