"""A signaling server that runs beside a Vite dev server, and what it takes to see what happened in it."""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__"]
