"""Where the parts of this checkout are."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "sidecar" / "signaling_sidecar"
FRONTEND = ROOT / "frontend-proxy"
NOTEBOOKS = ROOT / "notebooks"
RECORDED = NOTEBOOKS / "recorded"
"""Logs of real browsers, one folder for each recording."""
VECTORS = ROOT / "tests" / "vectors"
"""What is sent and what is received, one folder for each dialect; the browser client's tests read them too."""
PROTOCOLS = ROOT / "sidecar/PROTOCOLS.md"
