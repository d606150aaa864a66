"""Adds the paths of the dialects: those of their WebSockets, and those of their HTTP routes."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler

from signaling_sidecar.dialects import DIALECTS, NATIVE, Answer, Asked, Dialect, Route
from signaling_sidecar.dialects.shared_path import SHARED_PATH, by_query
from signaling_sidecar.server.http.access import CROSS_ORIGIN
from signaling_sidecar.server.http.let_in import claims_of, without_token
from signaling_sidecar.server.http.open_handlers import of_handshakes, open_to_all, with_token_in
from signaling_sidecar.server.http.request_body import request_body
from signaling_sidecar.server.hub_view import HubView, NoView
from signaling_sidecar.server.rooms_access import RoomsAccess
from signaling_sidecar.settings import Settings

HOME = "/"
STATUS_PAGE = NATIVE.paths[0]
HOME_TEXT = "The signaling sidecar is running. Your app's dev server proxies /ws/signaling to it.\n"

logger = logging.getLogger("signaling_sidecar")


class DialectRoutes:
    """`dialects` are those that are served, by name.

    `serve` answers the handshake of a WebSocket. `admit` calls the `admit` hook, and raises HTTPForbidden if the hook
    refuses the request. `settings` returns the current settings. `status_page` answers a browser in which a person has
    opened the WebSocket path of the dialect `rooms` like a page.
    """

    def __init__(
        self,
        dialects: Mapping[str, Dialect],
        serve: Callable[[web.Request, Dialect | None], Awaitable[web.StreamResponse]],
        admit: Callable[[web.Request, Dialect], Awaitable[None]],
        settings: Callable[[], Settings],
        rooms: RoomsAccess,
        new_id: Callable[[], str],
        status_page: Handler,
    ) -> None:
        self._dialects = dialects
        self._serve = serve
        self._admit = admit
        self._settings = settings
        self._rooms = rooms
        self._new_id = new_id
        self._status_page = status_page
        self._at_home = next((dialect for dialect in dialects.values() if HOME in dialect.paths), None)
        self._answer_at_home: Handler | None = None
        """The handler of the route for `GET /`, if a dialect has one."""

    def routes(self) -> Iterator[web.RouteDef]:
        yield web.get(HOME, self._home)
        yield web.get(SHARED_PATH, self._shared)
        for dialect in self._dialects.values():
            methods: defaultdict[str, set[str]] = defaultdict(set)
            for path in dialect.paths:
                methods[path].add("GET")
                if path != HOME:
                    yield web.get(path, of_handshakes(self._socket(dialect)))
            for route in dialect.routes:
                methods[route.path].add(route.method)
                answer = with_token_in(dialect.token_parameters, self._answer_of(dialect, route))
                answer = open_to_all(answer) if route.needs_no_token else answer
                is_get = route.method == "GET"  # added with `web.get`, which also answers HEAD requests
                if is_get and route.path == HOME:
                    self._answer_at_home = answer
                else:
                    yield web.get(route.path, answer) if is_get else web.route(route.method, route.path, answer)
            if dialect.cross_origin:
                yield from (web.options(path, _preflight(allowed)) for path, allowed in methods.items())

    @of_handshakes
    async def _home(self, request: web.Request) -> web.StreamResponse:
        if "Upgrade" in request.headers:
            if self._at_home is None:
                raise web.HTTPNotFound
            return await self._serve(request, self._at_home)
        if self._wants_status_page(request):
            raise web.HTTPFound(STATUS_PAGE)
        if self._answer_at_home is not None:
            return await self._answer_at_home(request)
        return web.Response(text=HOME_TEXT)

    def _wants_status_page(self, request: web.Request) -> bool:
        return _is_browser(request) and NATIVE.name in self._dialects

    @of_handshakes
    async def _shared(self, request: web.Request) -> web.StreamResponse:
        dialect = by_query(DIALECTS.values(), request.query)
        if dialect is not None and dialect.name not in self._dialects:
            raise web.HTTPNotFound
        request[CROSS_ORIGIN] = dialect is not None and dialect.cross_origin
        return await self._serve(request, dialect)

    def _socket(self, dialect: Dialect) -> Handler:
        async def serve(request: web.Request) -> web.StreamResponse:
            request[CROSS_ORIGIN] = dialect.cross_origin
            if dialect is NATIVE and "Upgrade" not in request.headers and _is_browser(request):
                return await self._status_page(request)
            return await self._serve(request, dialect)

        return serve

    def _answer_of(self, dialect: Dialect, route: Route) -> Handler:
        is_reported = False

        async def answer(request: web.Request) -> web.StreamResponse:
            nonlocal is_reported
            if route.path == f"{STATUS_PAGE}/" and self._wants_status_page(request):
                # The location is relative, because the path in the browser may begin with Vite's option `base`.
                raise web.HTTPFound(f"../{STATUS_PAGE.rpartition('/')[2]}")
            request[CROSS_ORIGIN] = dialect.cross_origin
            await self._admit(request, dialect)
            body = await request_body(request, route.max_body_bytes)
            path, query = without_token(request, request.match_info), without_token(request, request.query)
            asked = Asked(dict(path), query, body, self._new_id(), self._settings())
            view = await self._view(dialect, request) if route.reads_rooms else NoView()
            try:
                return _response(route.answer(asked, view))
            except Exception:
                if not is_reported:
                    is_reported = True
                    logger.exception("%s %s of dialect %s failed", route.method, route.path, dialect.name)
                raise web.HTTPInternalServerError from None

        return answer

    async def _view(self, dialect: Dialect, request: web.Request) -> HubView:
        """Return the rooms of the dialect that the client of a request may read."""
        claims = claims_of(request)
        return HubView(await self._rooms.hub(), dialect.name, claims.rooms if claims is not None else None)


def _is_browser(request: web.Request) -> bool:
    """Whether a browser sends the request because a person opens a page."""
    return "text/html" in request.headers.get("Accept", "")


def _response(answer: Answer) -> web.Response:
    headers = {"Content-Type": answer.content_type}
    return web.Response(body=answer.body, status=HTTPStatus(answer.status), headers=headers)


def _preflight(methods: set[str]) -> Handler:
    """Return a handler of CORS preflights, which browsers send before some requests of pages of other origins."""
    names = ("Authorization",) if methods == {"GET"} else ("Authorization", "Content-Type")
    headers = {
        "Access-Control-Allow-Methods": ", ".join(sorted(methods)),
        "Access-Control-Allow-Headers": ", ".join(names),
    }

    @open_to_all  # a browser sends no token in a preflight
    async def answer(request: web.Request) -> web.Response:
        request[CROSS_ORIGIN] = True
        return web.Response(status=204, headers=headers)

    return answer
