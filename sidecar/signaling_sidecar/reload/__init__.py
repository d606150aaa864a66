"""Reload the hooks file, the settings file and the sidecar's own code when they change while the sidecar runs."""

from signaling_sidecar.reload.hooks_file import HooksFile
from signaling_sidecar.reload.settings_file import watch_settings

__all__ = ["HooksFile", "watch_settings"]
