"""Serves the status page, the status that the page fetches, and the QR code that it shows."""

from __future__ import annotations

import io
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from aiohttp import web

from signaling_sidecar.dialects import Dialect
from signaling_sidecar.errors import MissingExtra
from signaling_sidecar.names import refuse_id
from signaling_sidecar.paths import SIGNALING_PATH, STATUS_PATH
from signaling_sidecar.server.pages import page_files
from signaling_sidecar.server.pages.page_files import FRESH
from signaling_sidecar.site import Site

if TYPE_CHECKING:
    from signaling_sidecar.server.pages.status import StatusAnswers

QR_PATH = f"{SIGNALING_PATH}/qr"
QR_MODULE_PX = 8


class StatusPage:
    """`site` returns the content of the file that Vite's plugin has written, and `clients` returns the addresses of the
    peers in rooms, or raises RoomsUnavailable.

    `admit` calls the `admit` hook for a request, and raises HTTPForbidden if the hook refuses the request.
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
        return await self._answers.answer(request)

    @cached_property
    def _answers(self) -> StatusAnswers:
        # Imported here because the start should not wait 20 ms for the import of the doctor and the diagnosis.
        from signaling_sidecar.server.pages.status import StatusAnswers

        return StatusAnswers(self._boot, self._dialects, self._site, self._clients)

    async def _qr(self, request: web.Request) -> web.Response:
        """Send a QR code of the best URL on the network. The request can only add a room to the URL."""
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


_PICTURE = {**FRESH, "Content-Security-Policy": "default-src 'none'"}


def _refusal(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"code": code, "message": message}, status=status, headers=FRESH)


def _drawn(text: str) -> bytes:
    """Return a QR code as SVG. Raises MissingExtra."""
    try:
        import segno
    except ImportError:  # segno is optional, because the sidecar should need few packages
        raise MissingExtra("a QR code", "lan") from None
    picture = io.BytesIO()
    # The background is white on a dark page, too: many cameras cannot read a light code on a dark background.
    segno.make(text, micro=False).save(picture, kind="svg", scale=QR_MODULE_PX, light="white")
    return picture.getvalue()
