"""Read the settings of the sidecar, and check them. The result is one frozen object of the class `Settings`.

Each setting can be given by a flag of `sidecar serve`, by an environment variable or in `sidecar.toml`; otherwise it
has its default. For example `max_rooms` is `--max-rooms`, `SIDECAR_MAX_ROOMS` and `max_rooms = 100`. A flag takes
precedence over the environment, and the environment over the file.
"""

from signaling_sidecar.settings.definitions import MAX_GRACE_S, Settings, all_settings
from signaling_sidecar.settings.kinds import JWT_SECRET, SHARED_SECRET, Kind
from signaling_sidecar.settings.sources import FILE_NAME, Configured, Sources

__all__ = [
    "FILE_NAME",
    "JWT_SECRET",
    "MAX_GRACE_S",
    "SHARED_SECRET",
    "Configured",
    "Kind",
    "Settings",
    "Sources",
    "all_settings",
]
