"""Check for the optional dependency that watches files, which `pip install 'signaling-sidecar[reload]'` installs."""

from __future__ import annotations

from importlib.util import find_spec

from signaling_sidecar.errors import MissingExtra


def has_reload_extra() -> bool:
    return find_spec("watchfiles") is not None


def require_reload_extra(feature: str) -> None:
    """Raise MissingExtra, which names the feature and the command that installs the dependency, if the dependency is
    missing."""
    if not has_reload_extra():
        raise MissingExtra(feature, "reload")
