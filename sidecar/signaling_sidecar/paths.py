"""The URL paths that the sidecar's own commands and pages request."""

from __future__ import annotations

SIGNALING_PATH = "/ws/signaling"
STATUS_PATH = f"{SIGNALING_PATH}/status"
PEOPLE_PATH = f"{SIGNALING_PATH}/people"
BRIEF = "brief"
"""A query parameter of STATUS_PATH. With it, the response comes at once, without the checks of Vite and the network."""
