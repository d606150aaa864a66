"""The TCP socket on which the sidecar accepts connections."""

from __future__ import annotations

import errno
import socket

from signaling_sidecar import systemd
from signaling_sidecar.errors import PortTaken, SettingsError
from signaling_sidecar.settings import Settings

BACKLOG = 1024  # connections that can wait to be accepted; after a restart all tabs reconnect at once


def listen(settings: Settings) -> socket.socket:
    """Listen on the host and port of the settings, unless systemd has passed a socket.

    The host `::` means all IPv4 and IPv6 addresses.

    Raises PortTaken, and SettingsError for a host that is no address of this machine or a port that is not permitted.
    """
    if (passed := systemd.passed_socket()) is not None:
        return passed
    address = (settings.host, settings.port)
    try:
        family = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0][0]
        both = settings.host == "::" and socket.has_dualstack_ipv6()
        return socket.create_server(address, family=family, backlog=BACKLOG, dualstack_ipv6=both)
    except (OSError, UnicodeError) as error:  # UnicodeError: the host is not a valid name
        number = error.errno if isinstance(error, OSError) else None
        if number == errno.EADDRINUSE:
            raise PortTaken(settings.host, settings.port) from None
        if number == errno.EACCES:
            expected = f"a port on which this user is allowed to listen ({error})"
            raise SettingsError("port", settings.port, expected, "--port") from None
        raise SettingsError("host", settings.host, f"an address of this machine ({error})", "--host") from None


def url_of(listening: socket.socket) -> str:
    """Return the URL under which programs on this machine can reach the socket."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - nothing is bound here
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
