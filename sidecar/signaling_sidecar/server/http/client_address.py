"""Finds the IP address of a client, even if the connection comes from Vite's proxy or another trusted proxy."""

from __future__ import annotations

import functools
import ipaddress

from aiohttp import web

from signaling_sidecar.auth.same_secret import is_same_secret
from signaling_sidecar.site import Site

PROXY_HEADER = "X-Signaling-Proxy"
FORWARDED_FOR = "X-Forwarded-For"
MAX_PROXIES = 8  # trusted proxies in a row; there is a limit because a client can send thousands of addresses


CLIENT_ADDRESS = web.RequestKey("client_address", str)
"""Set on each request if the address of the client is known. `Access` sets it before anything else handles the
request."""


def client_address(request: web.Request) -> str | None:
    """Return the IP address of the client, or None if it is only known from a proxy that cannot be trusted."""
    return request.get(CLIENT_ADDRESS)


def find_client_address(request: web.Request, site: Site | None, trusted_proxies: tuple[str, ...] = ()) -> str | None:
    """Find the address that `client_address` returns. `trusted_proxies` are networks.

    The attack: a client sends an X-Forwarded-For header of its own. Each proxy appends the address from which it has
    received the request. So only the last address in the header can be trusted, and only if the request comes from a
    trusted proxy. If the last address is that of a trusted proxy too, the address before it can be trusted, and so on.
    Vite's plugin proves who it is with the header X-Signaling-Proxy. The header has the secret that the plugin has
    written into the site's file, and the plugin does not forward such a header of a client.
    """
    forwarded = request.headers.getall(FORWARDED_FOR, ())
    secrets = request.headers.getall(PROXY_HEADER, ())
    remote = _ip(request.remote or "")
    sites = site.all if site is not None else ()
    is_plugin = len(secrets) == 1 and any(is_same_secret(each.secret, secrets[0]) for each in sites)
    if not is_plugin and not _is_in(remote, trusted_proxies):
        return None if forwarded or secrets else remote
    address = None
    for hop in reversed(",".join(forwarded).rsplit(",", MAX_PROXIES)):
        address = _ip(hop.strip())
        if not _is_in(address, trusted_proxies):
            break
    return address


def counted_as(address: str | None) -> str | None:
    """Return the address or network for which attempts are counted. With IPv6 it is a /64 network, because one host may
    use all addresses in it."""
    if address is None or ":" not in address:
        return address
    return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))


def _is_in(address: str | None, networks: tuple[str, ...]) -> bool:
    if address is None or not networks:
        return False
    ip = ipaddress.ip_address(address)
    return any(ip in network for network in _parsed(networks))


@functools.lru_cache(maxsize=4)
def _parsed(networks: tuple[str, ...]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(network) for network in networks]


def _ip(text: str) -> str | None:
    """Parse an IP address. `::ffff:10.0.0.7`, which a dual-stack socket reports, becomes `10.0.0.7`."""
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return None
    return str(getattr(ip, "ipv4_mapped", None) or ip)
