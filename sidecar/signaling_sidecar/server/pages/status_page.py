"""The status page, the status that it fetches, and the QR code that it shows."""

from __future__ import annotations

import asyncio
import io
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import urlencode

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
from signaling_sidecar.doctor.status import BRIEF, SIGNALING_PATH, STATUS_PATH
from signaling_sidecar.errors import MissingExtra
from signaling_sidecar.names import refuse_id
from signaling_sidecar.server.http.client_address import FORWARDED_FOR, client_address
from signaling_sidecar.server.pages import page_files
from signaling_sidecar.server.pages.shared_work import SharedWork
from signaling_sidecar.server.rooms_access import RoomsUnavailable
from signaling_sidecar.site import Site
from signaling_sidecar.untrusted_text import visible

QR_PATH = f"{SIGNALING_PATH}/qr"
EXAMINED_FOR_S = 1.0  # seconds; requests at the same time share one examination, and a reload makes a new one
QR_MODULE_PX = 8

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class StatusPage:
    """`site` returns the content of the file that Vite's plugin has written, and `clients` returns the addresses of the
    peers in rooms, or raises RoomsUnavailable.

    `admit` asks the `admit` hook about a request, and raises HTTPForbidden when it refuses.
    """

    def __init__(
        self,
        boot: str,
        dialects: Mapping[str, Dialect],
        site: Callable[[], Site | None],
        clients: Callable[[], Awaitable[Sequence[str | None]]],
        admit: Callable[[web.Request], Awaitable[None]],
    ) -> None:
        self._boot = boot
        self._dialects = dialects
        self._site = site
        self._clients = clients
        self._admit = admit
        self._examination = SharedWork[list[Finding]](EXAMINED_FOR_S)

    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.get(STATUS_PATH, self._status), web.get(QR_PATH, self._qr)]

    async def page(self, request: web.Request) -> web.Response:
        await self._admit(request)
        nonce = secrets.token_urlsafe(16)
        return web.Response(
            text=page_files.status_page(nonce), content_type="text/html", headers=page_files.headers(nonce)
        )

    async def _status(self, request: web.Request) -> web.Response:
        await self._admit(request)
        site = self._site()
        shown = SiteShown(site.name, site.local, site.for_a_phone) if site is not None else None
        findings = [] if BRIEF in request.query else await self._examined(request, site)
        findings += await self._networks()
        dialects = [
            Served(each.name, each.paths[0], each.purpose, line_of_code(each, _address(request)), each.opens_without_id)
            for each in self._dialects.values()
        ]
        status = Status(__version__, self._boot, dialects, shown, findings, _as_it_arrived(request))
        return web.Response(body=msgspec.json.encode(status), content_type="application/json", headers=_FRESH)

    async def _networks(self) -> list[Finding]:
        try:
            clients = await self._clients()
        except RoomsUnavailable as error:
            return [Finding(error.code, Level.NOTE, error.message)]
        if len(clients) < 2:
            return []
        return [*check_client_networks(clients, await asyncio.to_thread(own_addresses))]

    async def _examined(self, request: web.Request, site: Site | None) -> list[Finding]:
        """The findings of the doctor, which are at most `EXAMINED_FOR_S` old."""
        opens_at = next((each.paths[0] for each in self._dialects.values() if each.opens_without_id), None)
        sidecar = SidecarHere(_own_url(request), self._boot, opens_at)
        return [*await self._examination.ask(lambda: [_up(sidecar), *check_vite_and_network(sidecar, site)])]

    async def _qr(self, request: web.Request) -> web.Response:
        """The QR code of the best URL on the network. The request can only add a room to the URL."""
        await self._admit(request)
        room = request.query.get("room")
        refusal = refuse_id("room", room) if room is not None else None
        if refusal is not None:
            return _refusal(400, refusal.code, refusal.message)
        site = self._site()
        if site is None or not site.for_a_phone:
            return _refusal(404, "not-on-the-network", "no page of this project is on the network")
        query = f"?{urlencode({'room': room})}" if room is not None else ""
        try:
            picture = _drawn(site.for_a_phone[0] + query)
        except MissingExtra as error:
            return _refusal(404, "not-installed", str(error))
        return web.Response(body=picture, content_type="image/svg+xml", headers=_PICTURE)


_FRESH = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_PICTURE = {**_FRESH, "Content-Security-Policy": "default-src 'none'"}


def _refusal(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"code": code, "message": message}, status=status, headers=_FRESH)


def _drawn(text: str) -> bytes:
    """Raises MissingExtra."""
    try:
        import segno
    except ImportError:  # segno is optional, because the sidecar should need few packages
        raise MissingExtra("a QR code", "lan") from None
    picture = io.BytesIO()
    # The background is white on a dark page, too: many cameras cannot read a light code on a dark background.
    segno.make(text, micro=False).save(picture, kind="svg", scale=QR_MODULE_PX, light="white")
    return picture.getvalue()


def _up(sidecar: SidecarHere) -> Finding:
    return Finding("sidecar-up", Level.OK, f"the sidecar is running (version {__version__})")


def _address(request: web.Request) -> Address:
    """The address for the app whose page has sent the request. Behind a proxy it is that of the page itself."""
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
    """Return the URL at which the request has reached this process. The target of a proxy must be this URL."""
    assert request.transport is not None
    host, port = request.transport.get_extra_info("sockname")[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
