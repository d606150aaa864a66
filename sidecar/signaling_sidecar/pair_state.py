"""The state of two peers in one word, for drawings, pages and scripts."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Whether two peers are connected."""

    CONNECTED = "connected"
    TRYING = "trying"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Neither peer has tried to connect, one of them left too early, or no browser has reported the result."""


SIGNS = {State.CONNECTED: "✓", State.TRYING: "…", State.FAILED: "✗", State.UNKNOWN: "?"}
