"""What is announced of a page, as DNS records, and what of others' records is believed.

1. Anybody on the network can announce anything. A record is read into a `Page` or it is nothing.
2. A page is at a private address that its record has too: nobody on the internet is asked because a stranger said so.
3. Its URL has no query, no user and no odd path: of other machines on the LAN, too, only a signaling endpoint is asked.
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
TXT_VERSION = "1"  # of the keys below; RFC 6763 section 6.7
MAX_URL_BYTES = 200  # a key and its value have 255 bytes in a TXT record; RFC 6763 section 6.1
MAX_NAME_CHARS = 60  # shown on one line, and 240 bytes at most
PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8",  # RFC 1918
        "172.16.0.0/12",
        "192.168.0.0/16",
        "fc00::/7",  # RFC 4193
        "fe80::/10",  # link-local; 169.254.0.0/16 is left out: clouds answer there with their machines' secrets
    )
)
DEFAULT_PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"https?://(\[[0-9a-f:]+\]|[0-9a-z.-]+)(:\d{1,5})?/((?!\.{1,2}/)[\w.~-]+/)*", re.ASCII)

Address = IPv4Address | IPv6Address


class Page(NamedTuple):
    """A page on the network, of ours or as somebody announces it."""

    name: str
    """Of its project, made visible: for people."""
    url: str
    """With Vite's base, which ends with a slash."""
    address: Address
    """Where it is. A link-local one of another machine has its zone, which its URL has not."""

    @property
    def parts(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def port(self) -> int:
        return self.parts.port or DEFAULT_PORTS[self.parts.scheme]


def page_of(site: Site | None) -> Page | None:
    """The page that is announced: the first that other devices can come to at a private address."""
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
    """The page that a record is about, or None. `server` is its host's name, `addresses` are that host's."""
    said = {key: txt.get(key.encode()) for key in ("txtvers", "url", "name")}
    if said["txtvers"] != TXT_VERSION.encode():
        return None
    try:
        url, name = (said["url"] or b"").decode("ascii"), (said["name"] or b"").decode()
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
    """The parts of a URL that is `scheme://host[:port]/base/` and nothing else."""
    if len(url) > MAX_URL_BYTES or not _URL.fullmatch(url):
        return None
    parts = urlsplit(url)
    try:
        return parts if parts.port is None or parts.port else None
    except ValueError:  # no port has such a number
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
