"""Convert a page to the DNS record that announces it, and check the records that other machines announce.

1. Any machine on the network can announce anything, so a record becomes a valid `Page` or is ignored.
2. The URL of a page must have a private address, and the record must list that address. Otherwise a record could make
   this machine send requests to servers on the internet.
3. The URL must have no query, no user name and no unusual path. Because of these rules, a record can only cause a
   request to the signaling endpoint of a machine on the local network.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from signaling_sidecar.site import Site
from signaling_sidecar.untrusted_text import visible

SERVICE_TYPE = "_vite-signaling._tcp.local."
TXT_VERSION = "1"  # the version of the keys in `to_txt`; RFC 6763 section 6.7
MAX_URL_BYTES = 200  # a key and its value can have 255 bytes in a TXT record; RFC 6763 section 6.1
MAX_NAME_CHARS = 60  # so that the name fits on one line; 60 characters are at most 240 bytes of UTF-8
PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8",  # RFC 1918
        "172.16.0.0/12",
        "192.168.0.0/16",
        "fc00::/7",  # RFC 4193
        # Link-local; 169.254.0.0/16 is absent because cloud providers serve secrets at one of its addresses.
        "fe80::/10",
    )
)
DEFAULT_PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"https?://(\[[0-9a-f:]+\]|[0-9a-z.-]+)(:\d{1,5})?/((?!\.{1,2}/)[\w.~-]+/)*", re.ASCII)

Address = IPv4Address | IPv6Address


class Page(NamedTuple):
    """A page on the network, either of this project or announced by another machine."""

    name: str
    """The name of the page's project, safe to display."""
    url: str
    """The URL of the page, which ends with the `base` of its Vite configuration."""
    address: Address
    """The IP address of the page. Unlike the URL, it includes the zone if it is a link-local address of another
    machine."""

    @property
    def parts(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def port(self) -> int:
        return self.parts.port or DEFAULT_PORTS[self.parts.scheme]


def page_of(site: Site | None) -> Page | None:
    """Return the page to announce: the first URL for other devices that has a private address, or None."""
    if site is None:
        return None
    for url in site.network:
        parts = _split(url)
        address = _literal(parts) if parts is not None else None
        if address is not None and _is_private(address):
            return Page(_shown(site.name), url, address)
    return None


def to_txt(page: Page) -> dict[str, str]:
    return {"txtvers": TXT_VERSION, "url": page.url, "name": page.name}


def read_record(server: str, addresses: Collection[Address], txt: Mapping[bytes, bytes | None]) -> Page | None:
    """Read the page from a record. Returns None for an invalid record.

    `server` is the host name in the record, and `addresses` are the addresses of that host.
    """
    values = {key: txt.get(key.encode()) for key in ("txtvers", "url", "name")}
    if values["txtvers"] != TXT_VERSION.encode():
        return None
    try:
        url, name = (values["url"] or b"").decode("ascii"), (values["name"] or b"").decode()
    except UnicodeDecodeError:
        return None
    parts = _split(url)
    address = _address(parts, server, addresses) if parts is not None else None
    return Page(_shown(name), url, address) if address is not None and _is_private(address) else None


def _address(parts: SplitResult, server: str, addresses: Collection[Address]) -> Address | None:
    literal = _literal(parts)
    if literal is not None:
        return next((address for address in addresses if address.packed == literal.packed), None)
    name = server.rstrip(".").lower()
    if parts.hostname != name or not name.endswith(".local"):
        return None
    return next(filter(_is_private, addresses), None)


def _split(url: str) -> SplitResult | None:
    """Split a URL of the form `scheme://host[:port]/base/`. Returns None for any other URL."""
    if len(url) > MAX_URL_BYTES or not _URL.fullmatch(url):
        return None
    parts = urlsplit(url)
    try:
        return parts if parts.port is None or parts.port else None
    except ValueError:  # the number is too large for a port
        return None


def _literal(parts: SplitResult) -> Address | None:
    try:
        return ipaddress.ip_address(parts.hostname or "")
    except ValueError:
        return None


def _is_private(address: Address) -> bool:
    return any(address in network for network in PRIVATE)


def _shown(name: str) -> str:
    return visible(name[:MAX_NAME_CHARS])[:MAX_NAME_CHARS]
