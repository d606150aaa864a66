"""The socket on which the sidecar listens."""

from __future__ import annotations

import errno
import socket

from signaling_sidecar.errors import PortTaken, SettingsError
from signaling_sidecar.settings import Settings

BACKLOG = 1024  # connects that may queue: every tab of a shared machine comes back at once after a restart


def listen(settings: Settings) -> socket.socket:
    """Bind the address of the settings. Raises PortTaken, or SettingsError for an address that is not ours."""
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(settings.host, settings.port) from None
        raise SettingsError("host", settings.host, f"an address of this machine ({error})", "--host") from None
