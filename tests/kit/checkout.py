"""Paths in this checkout."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "sidecar" / "signaling_sidecar"
FRONTEND = ROOT / "frontend-proxy"
NOTEBOOKS = ROOT / "notebooks"
RECORDED = NOTEBOOKS / "recorded"
"""Logs of real browsers, one folder for each recording."""
VECTORS = ROOT / "tests" / "vectors"
"""Test vectors: frames that are sent and received, one folder per dialect. The tests of the browser client read them
too."""
PROTOCOLS = ROOT / "sidecar/PROTOCOLS.md"
