"""Code and settings that change while the sidecar runs."""

from signaling_sidecar.reload.hooks_file import HooksFile
from signaling_sidecar.reload.settings_file import watch_settings

__all__ = ["HooksFile", "watch_settings"]
