"""What multicast DNS needs, which only those install who want it."""

from __future__ import annotations

from importlib.util import find_spec

from signaling_sidecar.errors import MissingExtra


def require_lan_extra(feature: str) -> None:
    """Raises MissingExtra, which names the feature and how to install what it needs."""
    if find_spec("zeroconf") is None:
        raise MissingExtra(feature, "lan")
