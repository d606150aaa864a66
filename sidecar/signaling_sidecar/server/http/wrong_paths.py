"""Explains the error to developers whose clients request a path that the sidecar does not have, such as Socket.IO's.

Without an explanation, such a client would only fail to connect, and its developer would not learn why. The response
has the explanation, and the terminal shows it once for each path.
"""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.typedefs import Handler

from signaling_sidecar.paths import SIGNALING_PATH
from signaling_sidecar.server.http.access import CROSS_ORIGIN
from signaling_sidecar.server.http.open_handlers import open_to_all
from signaling_sidecar.untrusted_text import visible

logger = logging.getLogger("signaling_sidecar")

SOCKET_IO = "/socket.io/"
WITHOUT_SOCKET_IO = (
    "the sidecar does not speak the protocol of Socket.IO: run a Socket.IO server of your own beside it. "
    "`signaling({ trace: true })` records your WebRTC connections even so, and `sidecar dialects` lists the protocols "
    "that the sidecar speaks"
)
MAX_TOLD = 20  # sentences that the terminal shows, so that a client that requests many paths cannot fill it
MAX_PATH = 100  # characters of a path that are shown


class WrongPaths:
    def __init__(self) -> None:
        self._told: set[str] = set()

    def add_to(self, app: web.Application) -> None:
        """Must be called after the middlewares that refuse requests were added, so that a request that one of them
        refuses gets no explanation."""
        for prefix in ("", SIGNALING_PATH):
            app.router.add_route("*", f"{prefix}{SOCKET_IO}", self._refuse_socket_io)
        app.middlewares.append(self._explain)

    @open_to_all
    async def _refuse_socket_io(self, request: web.Request) -> web.StreamResponse:
        request[CROSS_ORIGIN] = True
        raise web.HTTPNotImplemented(text=self._tell(WITHOUT_SOCKET_IO))

    @web.middleware
    async def _explain(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Add an explanation to the 404 response if no route has the path of the request."""
        if isinstance(request.match_info.http_exception, web.HTTPNotFound) and request.path.startswith(SIGNALING_PATH):
            path = visible(request.path[:MAX_PATH])
            raise web.HTTPNotFound(
                text=self._tell(
                    f"a client asks for {path!r}, where the sidecar serves nothing: `sidecar dialects` lists all "
                    "paths, and the setting `dialects` chooses which of them are served"
                )
            )
        return await handler(request)

    def _tell(self, sentence: str) -> str:
        """Log a sentence if it was not logged before. Returns the sentence as the text of a response."""
        if sentence not in self._told and len(self._told) < MAX_TOLD:
            self._told.add(sentence)
            logger.warning("%s", sentence, extra={"code": "wrong-path"})
        return f"{sentence}\n"
