"""Checks Host and Origin of every HTTP request before it is handled, and adds CORS headers to responses."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from aiohttp import web
from aiohttp.typedefs import Handler

from signaling_sidecar.server.http import client_errors
from signaling_sidecar.server.http.client_address import CLIENT_ADDRESS, find_client_address
from signaling_sidecar.server.http.guard import Barred, check_access
from signaling_sidecar.settings import Settings
from signaling_sidecar.site import Site

CROSS_ORIGIN = web.RequestKey("cross_origin", bool)
"""Set on a request if pages of other origins may read its response. But the guard may still refuse their requests."""
MAX_HINTS = 100  # causes that are logged, each once; there is a limit because a client can make up any number of hosts

logger = logging.getLogger("signaling_sidecar")


class _Refused(NamedTuple):
    barred: Barred
    hosts: Sequence[str]
    origins: Sequence[str]


class Access:
    """A middleware that refuses requests as `guard.py` says, stores the address of the client, and adds CORS headers.

    `settings` and `site` are called for each request.
    """

    def __init__(self, settings: Callable[[], Settings], site: Callable[[], Site | None]) -> None:
        self._settings = settings
        self._site = site
        self._hinted: dict[tuple[str, str], _Refused] = {}

    @property
    def refused(self) -> Collection[Barred]:
        """The first refused request of each cause, for at most `MAX_HINTS` causes, unless it would be accepted now."""
        return [each.barred for each in self._hinted.values() if self._check(each.hosts, each.origins)]

    def add_to(self, app: web.Application) -> None:
        app.middlewares.append(self._guard)
        app.on_response_prepare.append(self._let_pages_read)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        address = find_client_address(request, self._site(), self._settings().trusted_proxies)
        if address is not None:
            request[CLIENT_ADDRESS] = address
        hosts, origins = request.headers.getall("Host", ()), request.headers.getall("Origin", ())
        barred = self._check(hosts, origins)
        if barred is None:
            return await client_errors.answer(request, handler)
        cause = (barred.header, barred.remedy)  # not the header's value, because it may differ in every request
        if cause not in self._hinted and len(self._hinted) < MAX_HINTS:
            self._hinted[cause] = _Refused(barred, hosts, origins)
            logger.warning("%s", barred, extra={"code": f"{barred.header.lower()}-refused"})
        raise web.HTTPForbidden(text=f"{barred}\n")

    def _check(self, hosts: Sequence[str], origins: Sequence[str]) -> Barred | None:
        settings, site = self._settings(), self._site()
        sites = site.all if site is not None else ()
        return check_access(
            hosts,
            origins,
            (*settings.allow_host, *(host for each in sites for host in each.allowed_hosts)),
            (*settings.allow_origin, *(origin for each in sites for origin in each.allowed_origins)),
            settings.advice,
        )

    async def _let_pages_read(self, request: web.Request, response: web.StreamResponse) -> None:
        """Add the headers with which a page of another origin may read the response, if the handler allows that.

        If the guard has refused the request, no handler was called, so the page cannot read the response.
        """
        origin = request.headers.get("Origin")
        if origin is not None and request.get(CROSS_ORIGIN):
            response.headers.update({"Access-Control-Allow-Origin": origin, "Vary": "Origin"})
