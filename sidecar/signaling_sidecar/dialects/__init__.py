"""The wire protocols, by name. To add one: a file beside `rooms.py` of the same shape, and a line here."""

from signaling_sidecar.dialects.hosted import HOSTED
from signaling_sidecar.dialects.match import MATCH
from signaling_sidecar.dialects.mesh import MESH
from signaling_sidecar.dialects.pairing import PAIRING
from signaling_sidecar.dialects.port import (
    UPGRADE_REQUIRED,
    Caller,
    Closing,
    Dialect,
    Introduction,
    Opening,
    Rejection,
)
from signaling_sidecar.dialects.rooms import ROOMS

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (ROOMS, MESH, PAIRING, MATCH, HOSTED)}

__all__ = ["DIALECTS", "UPGRADE_REQUIRED", "Caller", "Closing", "Dialect", "Introduction", "Opening", "Rejection"]
