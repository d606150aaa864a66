"""Finding the IP address of a client. Behind Vite's proxy, every connection comes from this machine."""

from __future__ import annotations

import hmac
import ipaddress

from aiohttp import web

from signaling_sidecar.site import Site

PROXY_HEADER = "X-Signaling-Proxy"
FORWARDED_FOR = "X-Forwarded-For"


def client_address(request: web.Request, site: Site | None) -> str | None:
    """Return the IP address of the client, or None if it is only known from a proxy that cannot be trusted.

    The attack: a client sends an X-Forwarded-For header of its own. Vite appends the real address to that header, so
    only its last element can be trusted, and only if the request comes from Vite's plugin. The plugin proves this with
    the secret that it has written into the site's file, and it does not forward a header of that name.
    """
    forwarded = request.headers.getall(FORWARDED_FOR, ())
    if not forwarded and PROXY_HEADER not in request.headers:
        return _ip(request.remote or "")
    secrets = request.headers.getall(PROXY_HEADER, ())
    if site is None or len(secrets) != 1 or not _is_same(secrets[0], site.secret):
        return None
    return _ip(",".join(forwarded).rpartition(",")[2].strip())


def counted_as(address: str | None) -> str | None:
    """Return the address or network for which attempts are counted. With IPv6 it is a /64 network, because one host may
    use all addresses in it."""
    if address is None or ":" not in address:
        return address
    return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))


def _is_same(sent: str, secret: str) -> bool:
    # Python represents bytes of a header that are not UTF-8 as lone surrogates.
    return hmac.compare_digest(sent.encode(errors="surrogateescape"), secret.encode())


def _ip(text: str) -> str | None:
    """Parse an IP address. `::ffff:10.0.0.7`, which a dual-stack socket reports, becomes `10.0.0.7`."""
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return None
    return str(getattr(ip, "ipv4_mapped", None) or ip)
