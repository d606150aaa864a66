"""Answers `GET /ws/signaling/status` with the dialects that are served, and the findings of `sidecar doctor`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec
from aiohttp import web

from signaling_sidecar import __version__
from signaling_sidecar.addresses import own_addresses
from signaling_sidecar.dialects import Dialect
from signaling_sidecar.dialects.line_of_code import Address, line_of_code, of_page, of_sidecar
from signaling_sidecar.doctor import (
    Finding,
    Level,
    Request,
    Served,
    SidecarHere,
    SiteShown,
    Status,
    check_client_networks,
    check_vite_and_network,
)
from signaling_sidecar.paths import BRIEF
from signaling_sidecar.server.http.client_address import FORWARDED_FOR, client_address
from signaling_sidecar.server.pages.page_files import FRESH
from signaling_sidecar.server.pages.shared_work import SharedWork
from signaling_sidecar.server.rooms_access import RoomsUnavailable
from signaling_sidecar.site import Site
from signaling_sidecar.untrusted_text import visible

EXAMINED_FOR_S = 1.0  # seconds for which findings are cached; so short that a reload of the page checks again


class StatusAnswers:
    """The parameters are those of `StatusPage`."""

    def __init__(
        self,
        boot: str,
        dialects: Mapping[str, Dialect],
        site: Callable[[], Site | None],
        clients: Callable[[], Awaitable[Sequence[str | None]]],
    ) -> None:
        self._boot = boot
        self._dialects = dialects
        self._site = site
        self._clients = clients
        self._examination = SharedWork[list[Finding]](EXAMINED_FOR_S)

    async def answer(self, request: web.Request) -> web.Response:
        site = self._site()
        shown = SiteShown(site.name, site.local, site.for_a_phone) if site is not None else None
        findings = [] if BRIEF in request.query else await self._examined(request, site)
        findings += await self._networks()
        dialects = [
            Served(each.name, each.paths[0], each.purpose, line_of_code(each, _address(request)), each.opens_without_id)
            for each in self._dialects.values()
        ]
        status = Status(__version__, self._boot, dialects, shown, findings, _as_it_arrived(request))
        return web.Response(body=msgspec.json.encode(status), content_type="application/json", headers=FRESH)

    async def _networks(self) -> list[Finding]:
        try:
            clients = await self._clients()
        except RoomsUnavailable as error:
            return [Finding(error.code, Level.NOTE, error.message)]
        if len(clients) < 2:
            return []
        return [*check_client_networks(clients, await asyncio.to_thread(own_addresses))]

    async def _examined(self, request: web.Request, site: Site | None) -> list[Finding]:
        """Return the findings of the doctor, which are at most `EXAMINED_FOR_S` old."""
        opens_at = next((each.paths[0] for each in self._dialects.values() if each.opens_without_id), None)
        sidecar = SidecarHere(_own_url(request), self._boot, opens_at)
        return [*await self._examination.ask(lambda: [_up(sidecar), *check_vite_and_network(sidecar, site)])]


def _up(sidecar: SidecarHere) -> Finding:
    return Finding("sidecar-up", Level.OK, f"the sidecar is running (version {__version__})")


def _address(request: web.Request) -> Address:
    """Return the address to which the code of an app should connect: behind a proxy, the address of the page."""
    if FORWARDED_FOR in request.headers:
        return of_page(f"{'wss' if _is_secure(request) else 'ws'}://{visible(request.host)}")
    return of_sidecar(visible(request.url.host or ""), request.url.port or 80)


def _as_it_arrived(request: web.Request) -> Request:
    forwarded_for = request.headers.get(FORWARDED_FOR)
    return Request(
        visible(request.host),
        forwarded_for and visible(forwarded_for),
        _is_secure(request),
        client_address(request),
    )


def _is_secure(request: web.Request) -> bool:
    """Whether the browser uses https, as the proxy reports."""
    return request.headers.get("X-Forwarded-Proto", request.scheme).rpartition(",")[2].strip() in ("https", "wss")


def _own_url(request: web.Request) -> str:
    """Return the URL at which the request has reached this process. A proxy must forward requests to this URL."""
    assert request.transport is not None
    host, port = request.transport.get_extra_info("sockname")[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
