"""Check whether the optional package `watchfiles` is installed: `pip install 'signaling-sidecar[reload]'`."""

from __future__ import annotations

from importlib.util import find_spec

from signaling_sidecar.errors import MissingExtra


def has_reload_extra() -> bool:
    return find_spec("watchfiles") is not None


def require_reload_extra(feature: str) -> None:
    """Raise MissingExtra if the package is not installed. `feature` is the feature that needs it."""
    if not has_reload_extra():
        raise MissingExtra(feature, "reload")
