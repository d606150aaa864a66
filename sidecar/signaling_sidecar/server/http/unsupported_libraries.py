"""The answer for clients of Socket.IO, whose protocol the sidecar does not speak.

Without it, such a client would only fail to connect, and its developer would not learn why. It is recognised by the
path that it asks for. Its developer is told in the terminal, once, and in the answer.
"""

from __future__ import annotations

import logging

from aiohttp import web

from signaling_sidecar.server.http.access import CROSS_ORIGIN

logger = logging.getLogger("signaling_sidecar")

PREFIXES = ("", "/ws/signaling")
"""The prefixes of the library's path: none on the sidecar's own port, and `/ws/signaling` through Vite's proxy."""
SENTENCE = (
    "the sidecar does not speak the protocol of Socket.IO: run a Socket.IO server of your own beside it. "
    "`signaling({ trace: true })` records its connections all the same, and `sidecar dialects` lists what is spoken"
)


class UnsupportedLibraries:
    """Its routes must be added after those of the dialects, which may have the same paths."""

    def __init__(self) -> None:
        self._has_warned = False

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", f"{prefix}/socket.io/", self._refuse) for prefix in PREFIXES]

    async def _refuse(self, request: web.Request) -> web.StreamResponse:
        if not self._has_warned:
            self._has_warned = True
            logger.warning("%s", SENTENCE)
        request[CROSS_ORIGIN] = True
        raise web.HTTPNotImplemented(text=f"{SENTENCE}\n")
