"""The HTTP and WebSocket server. Only this package imports aiohttp's server."""

from signaling_sidecar.server.app import Sidecar
from signaling_sidecar.server.run import run

__all__ = ["Sidecar", "run"]
