"""Whether an announced page is there: its signaling endpoint is asked which rooms it has.

The answer is foreign input: it has 64 KiB and 2 s in all, is parsed into types or refused, and leads nowhere else.
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

WITHIN_S = 2.0  # seconds for all of it: connect, TLS, question and answer; a page on the LAN takes 50 ms
MAX_ANSWER_BYTES = 65_536  # headers and body; 600 rooms
MAX_HEADER_BYTES = 512  # of one header; aiohttp takes up to 128 of them: together not more than the whole answer may be
MAX_PAGES = 128  # asked at once; more than a LAN party has, and 8 MiB of answers
MAX_PAGES_PER_ADDRESS = 4  # projects of one machine at the same time; else one machine could take all places
ROOMS_PATH = "ws/signaling/rooms"

_Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class NeighbourRoom(msgspec.Struct, frozen=True, omit_defaults=True):
    """A listed room of another sidecar. Its id and name are as there: who shows them makes them visible."""

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
    """A sidecar on the LAN that has answered a moment ago."""

    name: str
    url: str
    rooms: list[NeighbourRoom]
    peers: int
    """In all of its rooms."""


async def verified(pages: Iterable[Page]) -> list[Neighbour]:
    """Those that answer as a sidecar does, in the order of their names."""
    asked: dict[str, Page] = {}
    per_address: Counter[Address] = Counter()
    for page in pages:
        if page.url not in asked and len(asked) < MAX_PAGES and per_address[page.address] < MAX_PAGES_PER_ADDRESS:
            asked[page.url] = page
            per_address[page.address] += 1
    async with _session() as session:
        places = (place for page in asked.values() for place in _places(page))
        found = await asyncio.gather(*(_ask(session, place) for place in places))
    by_url = {neighbour.url: neighbour for neighbour in found if neighbour is not None}
    return sorted(by_url.values(), key=lambda neighbour: (neighbour.name, neighbour.url))


def _places(page: Page) -> list[Page]:
    """Where it may be: a link-local address that was heard by IPv4 does not say on which of our networks it is."""
    address = page.address
    if address.version == 4 or not address.is_link_local or address.scope_id is not None:
        return [page]
    zones = {own.net.scope_id for own in own_addresses() if own.net.version == 6 and own.kind is AddressKind.LINK_LOCAL}
    return [page._replace(address=IPv6Address(f"{address}%{zone}")) for zone in zones if zone is not None]


def _session() -> aiohttp.ClientSession:
    """No proxy, no cookies, no netrc, no connection that is kept."""
    return aiohttp.ClientSession(
        # Self-signed certificates are what dev servers have. Nothing secret is sent, and the answer is no more trusted
        # than one over plain http: whoever could stand between could have announced himself in the first place.
        connector=aiohttp.TCPConnector(ssl=False, force_close=True, limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,  # 64 KiB stay 64 KiB
        max_line_size=MAX_HEADER_BYTES,
        max_field_size=MAX_HEADER_BYTES,
    )


async def _ask(session: aiohttp.ClientSession, page: Page) -> Neighbour | None:
    # By its address, which every Vite and sidecar lets in, whatever the page is called; the zone is our own affair.
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
    """Empty unless it is an answer of a length that is said, and not too long."""
    head = sum(len(name) + len(value) for name, value in response.raw_headers)
    if response.status != 200 or response.content_length is None or head + response.content_length > MAX_ANSWER_BYTES:
        return b""
    return await response.read()


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address
