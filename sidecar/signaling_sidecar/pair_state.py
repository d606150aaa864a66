"""One word that says whether two peers are connected, for drawings, pages and scripts."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Whether two peers are connected."""

    CONNECTED = "connected"
    TRYING = "trying"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Neither peer has tried to connect, a peer left before the result was clear, or no browser has reported it."""


SIGNS = {State.CONNECTED: "✓", State.TRYING: "…", State.FAILED: "✗", State.UNKNOWN: "?"}
