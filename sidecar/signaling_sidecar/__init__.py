"""A WebRTC signaling server that runs beside a Vite dev server, with an event log and tools to inspect it."""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__"]
