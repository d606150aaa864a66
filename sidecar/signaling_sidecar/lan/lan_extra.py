"""Check whether the optional package for multicast DNS is installed: `pip install 'signaling-sidecar[lan]'`."""

from __future__ import annotations

from importlib.util import find_spec

from signaling_sidecar.errors import MissingExtra


def require_lan_extra(feature: str) -> None:
    """Raise MissingExtra if the package is not installed. `feature` is the feature that needs it."""
    if find_spec("zeroconf") is None:
        raise MissingExtra(feature, "lan")
