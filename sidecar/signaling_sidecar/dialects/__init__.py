"""The wire protocols, by name. To add one: a file beside `rooms.py` of the same shape, and a line here."""

from signaling_sidecar.dialects.port import Dialect
from signaling_sidecar.dialects.rooms import ROOMS

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (ROOMS,)}

__all__ = ["DIALECTS", "Dialect"]
