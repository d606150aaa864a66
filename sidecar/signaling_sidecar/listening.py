"""Open the TCP socket on which the sidecar accepts connections."""

from __future__ import annotations

import errno
import ipaddress
import socket

from signaling_sidecar import systemd
from signaling_sidecar.errors import PortTaken, SettingsError, UnprotectedHost
from signaling_sidecar.settings import Settings

BACKLOG = 1024  # connections that can wait to be accepted; after a restart all tabs reconnect at once


def listen(settings: Settings) -> socket.socket:
    """Listen on the host and port of the settings, unless systemd has passed a socket.

    The host `::` means all IPv4 and IPv6 addresses.

    Raises PortTaken, UnprotectedHost, and SettingsError for a host that is no address of this machine or a port that is
    not permitted.
    """
    if (passed := systemd.passed_socket()) is not None:
        return passed  # the server calls `check_protection` for the address of this socket
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
        family, _, _, _, address = found[0]
        # The address is checked before anybody can connect. Only the checked address is used: if the name were resolved
        # again, it could lead to another address.
        check_protection(settings, str(address[0]), settings.host)
        both = settings.host == "::" and socket.has_dualstack_ipv6()
        return socket.create_server(address, family=family, backlog=BACKLOG, dualstack_ipv6=both)
    except (OSError, UnicodeError) as error:  # UnicodeError: the host is not a valid name
        number = error.errno if isinstance(error, OSError) else None
        if number == errno.EADDRINUSE:
            raise PortTaken(settings.host, settings.port) from None
        if number == errno.EACCES:
            expected = f"a port on which this user is allowed to listen ({error})"
            raise SettingsError("port", settings.port, expected, "settings") from None
        raise SettingsError("host", settings.host, f"an address of this machine ({error})", "settings") from None


def check_protection(settings: Settings, address: str, host: str | None = None) -> None:
    """Raise UnprotectedHost if other machines can reach the IP address on which the sidecar listens, and the settings
    do not limit who may connect. `host` is the host name that was resolved to the address, if there is one.

    Without this check, an attacker in the same café, or on the internet, could connect, read all rooms and answer in
    the name of other peers. Without `auth`, any program could do that. Without `allow_host` and `allow_origin`, any
    website could, if it is open in a browser on a machine that can reach the sidecar.
    """
    if not settings.insecure and (missing := lacks_protection(settings, address)):
        raise UnprotectedHost(host or address, missing)


def lacks_protection(settings: Settings, address: str) -> list[str]:
    """Return the names of the missing settings if other machines can reach the IP address, or else an empty list."""
    if ipaddress.ip_address(address).is_loopback:
        return []
    is_set = {
        "auth": settings.auth != "none",
        "allow_host": settings.allow_host,
        "allow_origin": settings.allow_origin,
    }
    return [name for name, found in is_set.items() if not found]


def address_of(listening: socket.socket) -> str:
    """Return the IP address on which the socket listens."""
    return str(listening.getsockname()[0])


def url_of(listening: socket.socket) -> str:
    """Return the URL under which programs on this machine can reach the socket."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - nothing is bound here
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
