"""Draw a room from the records of its log, as text, HTML and Mermaid, without pandas and without a notebook.

The terminal, web pages and notebooks show the same pictures, because all of them call this package.
"""

from signaling_sidecar.drawing.cluster_events import cluster_event
from signaling_sidecar.drawing.errors import AmbiguousRoom, NeverMet, UnknownRoom
from signaling_sidecar.drawing.ladder.ladder import Ladder
from signaling_sidecar.drawing.mesh.mesh import Mesh, RoomMeshes
from signaling_sidecar.drawing.page import page
from signaling_sidecar.drawing.rooms import (
    OF_EVERY_ROOM,
    OF_EVERY_TIMELINE,
    RoomInLog,
    RoomRuns,
    entries_of_room,
    listed_rooms,
    room_of,
)
from signaling_sidecar.drawing.sdp_diff.sdp_diff import SdpDiff
from signaling_sidecar.drawing.timeline.attendance import Attendance, attend
from signaling_sidecar.drawing.timeline.timeline import Timeline

__all__ = [
    "OF_EVERY_ROOM",
    "OF_EVERY_TIMELINE",
    "AmbiguousRoom",
    "Attendance",
    "Ladder",
    "Mesh",
    "NeverMet",
    "RoomInLog",
    "RoomMeshes",
    "RoomRuns",
    "SdpDiff",
    "Timeline",
    "UnknownRoom",
    "attend",
    "cluster_event",
    "entries_of_room",
    "listed_rooms",
    "page",
    "room_of",
]
