"""The optional dependency for watching files, which `pip install 'signaling-sidecar[reload]'` brings."""

from __future__ import annotations

from importlib.util import find_spec

from signaling_sidecar.errors import MissingExtra


def has_reload_extra() -> bool:
    return find_spec("watchfiles") is not None


def require_reload_extra(feature: str) -> None:
    """Raises MissingExtra, which names the feature and the command that installs the dependency."""
    if not has_reload_extra():
        raise MissingExtra(feature, "reload")
