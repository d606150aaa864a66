"""The registry of the dialects: the wire protocols that the sidecar speaks. To add a dialect, write a file beside
`mesh.py`, and add the `Dialect` object in it to `DIALECTS`."""

from signaling_sidecar.dialects.hosted import HOSTED
from signaling_sidecar.dialects.match import MATCH
from signaling_sidecar.dialects.matchbox import MATCHBOX
from signaling_sidecar.dialects.mesh import MESH
from signaling_sidecar.dialects.pairing import PAIRING
from signaling_sidecar.dialects.peerjs import PEERJS
from signaling_sidecar.dialects.port import (
    UPGRADE_REQUIRED,
    Answer,
    Asked,
    Caller,
    Closing,
    Dialect,
    FrameBudget,
    Introduction,
    Opening,
    Rejection,
    Route,
    View,
)
from signaling_sidecar.dialects.rooms import ROOMS
from signaling_sidecar.dialects.y_webrtc import Y_WEBRTC
from signaling_sidecar.hub.payloads import Binary

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect for dialect in (ROOMS, MESH, PAIRING, MATCH, HOSTED, PEERJS, Y_WEBRTC, MATCHBOX)
}
"""All dialects by name. No other code contains a list of the dialects."""

NATIVE = ROOMS
"""The dialect of our own browser client. A browser that opens the dialect's path gets the status page. The LAN
discovery finds only rooms of this dialect."""

__all__ = [
    "DIALECTS",
    "NATIVE",
    "UPGRADE_REQUIRED",
    "Answer",
    "Asked",
    "Binary",
    "Caller",
    "Closing",
    "Dialect",
    "FrameBudget",
    "Introduction",
    "Opening",
    "Rejection",
    "Route",
    "View",
]
