"""Decides by the headers Host and Origin which requests are accepted (PROTOCOLS.md, "Who may connect")."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from signaling_sidecar.allow_list import DEFAULT_PORTS, host_matches, origin_matches
from signaling_sidecar.server.http.advice import FLAGS, to_let_host_in, to_let_origin_in
from signaling_sidecar.untrusted_text import shortened

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
SHOWN_CHARS = 200  # characters of a header that a message shows: enough for a host name or the id of an extension


class Barred(NamedTuple):
    """The header for which a request is refused, and the setting that would allow the request."""

    header: str
    value: str
    remedy: str

    def __str__(self) -> str:
        return f"refused a request with {self.header} {shortened(repr(self.value), SHOWN_CHARS)}: {self.remedy}"


def check_access(
    hosts: Sequence[str],
    origins: Sequence[str],
    allow_host: Collection[str],
    allow_origin: Collection[str],
    advice: str = FLAGS,
) -> Barred | None:
    """Check all Host and Origin headers of a request. Returns None if the request is accepted.

    `advice` chooses whether the remedy names flags or options of Vite's plugin.

    The attack: a developer has the sidecar (or Vite's proxy to it) on localhost and visits evil.example, whose script
    opens a WebSocket to the sidecar. Browsers allow that across origins, Vite checks neither header on an upgrade, and
    the script would read every room. The header Origin shows that the page is not a page of the app. But it is not
    enough to check that Origin equals Host: with DNS rebinding, evil.example resolves to 127.0.0.1, and both headers
    have evil.example. So the Host must be a name that no stranger can own (localhost, an IP literal) or an allowed one,
    and the Origin must be that same host and port, a loopback page, or an allowed one. A request without Origin is
    accepted: browsers send Origin in every WebSocket handshake, and other programs could send any value. A setting that
    allows every host (`*`, or Vite's `allowedHosts: true`) makes DNS rebinding possible.
    """
    host = hosts[0] if len(hosts) == 1 else ", ".join(hosts)
    parsed_host = _split("http://" + host) if len(hosts) == 1 else None
    if parsed_host is None or not _is_own_name(parsed_host.name, allow_host):
        name = parsed_host.name if parsed_host is not None else None
        return Barred("Host", host, to_let_host_in(name, advice))
    if not origins:
        return None
    origin = origins[0] if len(origins) == 1 else ", ".join(origins)
    if len(origins) == 1 and (
        _is_loopback_or_same(_split(origin), parsed_host) or origin_matches(origin, allow_origin)
    ):
        return None
    return Barred("Origin", origin, to_let_origin_in(origin, advice))


def _is_loopback_or_same(origin: _Address | None, host: _Address) -> bool:
    if origin is None:
        return False
    return origin.name in LOOPBACK_NAMES or (origin.name == host.name and _same_port(origin, host))


class _Address(NamedTuple):
    scheme: str
    name: str
    port: int | None


def _split(origin: str) -> _Address | None:
    """Split an http(s) origin into its parts. Returns None for anything else, such as `null` or a URL with a path."""
    try:
        parts = urlsplit(origin)
        name, port = parts.hostname, parts.port
    except ValueError:
        return None
    rest = origin.partition("://")[2]
    if parts.scheme not in DEFAULT_PORTS or not name or any(c in rest for c in "/?#@\\ "):
        return None
    return _Address(parts.scheme, name, port)


def _is_own_name(name: str, allow_host: Collection[str]) -> bool:
    if name == "localhost" or name.endswith(".localhost") or host_matches(name, allow_host):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _same_port(origin: _Address, host: _Address) -> bool:
    """Compare the port of an Origin with that of the Host. A Host without a port may have the default port of http or
    of https, because the sidecar does not know whether Vite serves the page by http or https."""
    if host.port is None:
        return origin.port in (None, DEFAULT_PORTS[origin.scheme])
    return host.port == (origin.port or DEFAULT_PORTS[origin.scheme])
