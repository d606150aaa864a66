"""Paths in this checkout."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "sidecar" / "signaling_sidecar"
FRONTEND = ROOT / "frontend-proxy"
NOTEBOOKS = ROOT / "notebooks"
RECORDED = NOTEBOOKS / "recorded"
"""Logs of real browsers, one folder for each recording."""
VECTORS = ROOT / "tests" / "vectors"
"""Wire vectors: scripts of sent and received frames, one folder for each dialect. The tests of the browser client also
read them."""
PROTOCOLS = ROOT / "sidecar/PROTOCOLS.md"
