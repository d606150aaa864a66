"""The paths at which the sidecar answers requests of its own commands and pages."""

from __future__ import annotations

SIGNALING_PATH = "/ws/signaling"
STATUS_PATH = f"{SIGNALING_PATH}/status"
PEOPLE_PATH = f"{SIGNALING_PATH}/people"
BRIEF = "brief"
"""A query parameter of the status that skips the checks of Vite and the network, which take a moment."""
