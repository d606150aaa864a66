"""Check whether announced pages exist, by requesting the list of rooms from the signaling endpoint of each.

The responses are untrusted. Each response must arrive within 2 s, have at most 64 KiB and match the expected types.
Redirects are not followed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from ipaddress import IPv6Address
from typing import Annotated

import aiohttp
import msgspec
from yarl import URL

from signaling_sidecar.addresses import AddressKind, own_addresses
from signaling_sidecar.errors import NOT_JSON
from signaling_sidecar.lan.record import Address, Page
from signaling_sidecar.names import refuse_id, refuse_name

WITHIN_S = 2.0  # seconds for connecting, TLS, request and response together; a page on the LAN takes 50 ms
MAX_ANSWER_BYTES = 65_536  # headers and body together; enough for 600 rooms
MAX_HEADER_BYTES = 512  # per header; aiohttp accepts up to 128 headers, which together are MAX_ANSWER_BYTES
MAX_PAGES = 128  # pages that are requested at the same time; their responses are at most 8 MiB together
MAX_PAGES_PER_ADDRESS = 4  # pages with the same IP address, so that one machine cannot use up MAX_PAGES
ROOMS_PATH = "ws/signaling/rooms"

_Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class NeighbourRoom(msgspec.Struct, frozen=True, omit_defaults=True):
    """A room that another sidecar lists. The id and the name are untrusted: pass them through `visible` to display
    them."""

    roomId: str
    peers: _Count
    name: str | None = None
    capacity: _Count | None = None

    def __post_init__(self) -> None:
        refusal = refuse_id("roomId", self.roomId) or (self.name is not None and refuse_name("name", self.name))
        if refusal:
            raise ValueError(refusal.message)


class _Answer(msgspec.Struct):
    rooms: list[NeighbourRoom]


class Neighbour(msgspec.Struct, frozen=True):
    """A sidecar on the LAN that has just responded."""

    name: str
    url: str
    rooms: list[NeighbourRoom]
    peers: int
    """The number of peers in all rooms of the sidecar."""


async def verified(pages: Iterable[Page]) -> list[Neighbour]:
    """Return the pages whose sidecar responds, sorted by name."""
    asked: dict[str, Page] = {}
    per_address: Counter[Address] = Counter()
    for page in pages:
        if page.url not in asked and len(asked) < MAX_PAGES and per_address[page.address] < MAX_PAGES_PER_ADDRESS:
            asked[page.url] = page
            per_address[page.address] += 1
    async with _session() as session:
        candidates = (candidate for page in asked.values() for candidate in _with_zones(page))
        found = await asyncio.gather(*(_ask(session, candidate) for candidate in candidates))
    by_url = {neighbour.url: neighbour for neighbour in found if neighbour is not None}
    return sorted(by_url.values(), key=lambda neighbour: (neighbour.name, neighbour.url))


def _with_zones(page: Page) -> list[Page]:
    """Return the page once for each zone that its address may have, or unchanged if its address needs no zone.

    A link-local IPv6 address has no zone if it was received over IPv4. In that case, it is unknown which network
    interface of this machine can reach the address.
    """
    address = page.address
    if address.version == 4 or not address.is_link_local or address.scope_id is not None:
        return [page]
    zones = {own.net.scope_id for own in own_addresses() if own.net.version == 6 and own.kind is AddressKind.LINK_LOCAL}
    return [page._replace(address=IPv6Address(f"{address}%{zone}")) for zone in zones if zone is not None]


def _session() -> aiohttp.ClientSession:
    """Return a session that uses no proxy, no cookies and no `.netrc` file, and keeps no connection open."""
    return aiohttp.ClientSession(
        # The certificate is not verified, because dev servers use self-signed ones. No secret is sent, and the response
        # is untrusted anyway: an attacker on the network could also announce a page of his own.
        connector=aiohttp.TCPConnector(ssl=False, force_close=True, limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,  # a compressed response could exceed the limit when decompressed
        max_line_size=MAX_HEADER_BYTES,
        max_field_size=MAX_HEADER_BYTES,
    )


async def _ask(session: aiohttp.ClientSession, page: Page) -> Neighbour | None:
    # The Host header contains the address and not the host name of the URL, because Vite and the sidecar accept every
    # IP address as a host, but not every name. The zone is removed, because it only has a meaning on this machine.
    url = URL(f"{page.parts.scheme}://{_host(str(page.address))}:{page.port}{page.parts.path}{ROOMS_PATH}")
    host = _host(str(page.address).partition("%")[0])
    headers = {"Host": f"{host}:{page.port}", "Accept-Encoding": "identity"}
    try:
        async with asyncio.timeout(WITHIN_S), session.get(url, headers=headers, allow_redirects=False) as response:
            body = await _body(response)
            rooms = msgspec.json.decode(body, type=_Answer).rooms
    except (aiohttp.ClientError, TimeoutError, OSError, *NOT_JSON):
        return None
    return Neighbour(page.name, page.url, rooms, sum(room.peers for room in rooms))


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """Read the body. Returns no bytes if the status is not 200, or the Content-Length is missing or too large."""
    head = sum(len(name) + len(value) for name, value in response.raw_headers)
    if response.status != 200 or response.content_length is None or head + response.content_length > MAX_ANSWER_BYTES:
        return b""
    return await response.read()


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address
