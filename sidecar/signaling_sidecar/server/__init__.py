"""The only package that imports aiohttp's server: sockets in, sockets out."""

from signaling_sidecar.server.app import Sidecar
from signaling_sidecar.server.run import run

__all__ = ["Sidecar", "run"]
