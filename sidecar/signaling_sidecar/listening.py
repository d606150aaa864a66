"""The socket on which the sidecar listens."""

from __future__ import annotations

import errno
import socket

from signaling_sidecar.errors import PortTaken, SettingsError
from signaling_sidecar.settings import Settings

BACKLOG = 1024  # connects that may queue: every tab of a shared machine comes back at once after a restart


def listen(settings: Settings) -> socket.socket:
    """Bind the address of the settings; `::` is every address, of IPv4 and of IPv6.

    Raises PortTaken, or SettingsError for an address that is not ours.
    """
    address = (settings.host, settings.port)
    try:
        family = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0][0]
        both = settings.host == "::" and socket.has_dualstack_ipv6()
        return socket.create_server(address, family=family, backlog=BACKLOG, dualstack_ipv6=both)
    except (OSError, UnicodeError) as error:  # UnicodeError: what cannot be a host name
        number = error.errno if isinstance(error, OSError) else None
        if number == errno.EADDRINUSE:
            raise PortTaken(settings.host, settings.port) from None
        if number == errno.EACCES:
            expected = f"a port that this user may listen on ({error})"
            raise SettingsError("port", settings.port, expected, "--port") from None
        raise SettingsError("host", settings.host, f"an address of this machine ({error})", "--host") from None


def url_of(listening: socket.socket) -> str:
    """Say where programs of this machine reach it."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - nothing is bound here
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
