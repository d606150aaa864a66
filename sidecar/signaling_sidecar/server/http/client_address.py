"""Where a client is, when it comes through Vite's proxy: behind that, every socket is this machine's."""

from __future__ import annotations

import hmac
import ipaddress

from aiohttp import web

from signaling_sidecar.site import Site

PROXY_HEADER = "X-Signaling-Proxy"
FORWARDED_FOR = "X-Forwarded-For"


def client_address(request: web.Request, site: Site | None) -> str | None:
    """The client's IP address; None where only an unproven proxy could say it.

    The attack: whoever reaches the sidecar, or Vite, writes an X-Forwarded-For of his own. Vite appends to what it got,
    so of a list only the last element is Vite's, and only if the request comes from Vite's plugin: it sends the secret
    that it wrote into the site's file, and nobody else's header of that name gets through it.
    """
    said = request.headers.getall(FORWARDED_FOR, ())
    if not said and PROXY_HEADER not in request.headers:
        return _ip(request.remote or "")
    secrets = request.headers.getall(PROXY_HEADER, ())
    if site is None or len(secrets) != 1 or not _is_same(secrets[0], site.secret):
        return None
    return _ip(",".join(said).rpartition(",")[2].strip())


def counted_as(address: str | None) -> str | None:
    """What an address counts as where tries are limited by it: of IPv6, one host may have a whole /64."""
    if address is None or ":" not in address:
        return address
    return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))


def _is_same(said: str, secret: str) -> bool:
    # A header's bytes that are no UTF-8 are lone surrogates in Python.
    return hmac.compare_digest(said.encode(errors="surrogateescape"), secret.encode())


def _ip(text: str) -> str | None:
    """An address as it is written alone: `::ffff:10.0.0.7`, as a dual-stack socket has it, is 10.0.0.7."""
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return None
    return str(getattr(ip, "ipv4_mapped", None) or ip)
