"""Following changes of the hooks file, of the settings file, and of the sidecar's own code, while the sidecar runs."""

from signaling_sidecar.reload.hooks_file import HooksFile
from signaling_sidecar.reload.settings_file import watch_settings

__all__ = ["HooksFile", "watch_settings"]
