"""Check for the optional packages that multicast DNS needs, which are installed with the extra `lan`."""

from __future__ import annotations

from importlib.util import find_spec

from signaling_sidecar.errors import MissingExtra


def require_lan_extra(feature: str) -> None:
    """Raise MissingExtra if the packages are not installed. `feature` is what the user wanted to use."""
    if find_spec("zeroconf") is None:
        raise MissingExtra(feature, "lan")
