"""Answers for the clients of libraries whose protocol the sidecar does not speak.

Without them, such a client would only fail to connect, and its developer would not learn why. A library is recognised
by the path that it asks for, or by its first frame. Its developer is told in the terminal, once for each library, and
in the browser's console as far as the library prints there what it receives.
"""

from __future__ import annotations

import logging

from aiohttp import web

from signaling_sidecar.server.http.access import CROSS_ORIGIN, Handler

logger = logging.getLogger("signaling_sidecar")

PREFIXES = ("", "/ws/signaling")
"""The prefixes of the libraries' paths: none on the sidecar's own port, and `/ws/signaling` through Vite's proxy."""
FIRST_OF_Y_WEBRTC = (b'"subscribe"', b'"topics"')
"""Words that the first frame of y-webrtc contains, and that no client of our dialects sends by mistake."""
SERVERS = {
    "Socket.IO": "a Socket.IO server of your own",
    "y-webrtc": "its own server (npx y-webrtc-signaling)",
}
"""The server that each library needs instead of the sidecar."""


def sentence(library: str) -> str:
    return (
        f"the sidecar does not speak the protocol of {library}: run {SERVERS[library]} beside it. "
        "`signaling({ trace: true })` records its connections all the same, and `sidecar dialects` lists what is spoken"
    )


class UnsupportedLibraries:
    """Its routes must be added after those of the dialects, which may have the same paths."""

    def __init__(self) -> None:
        self._warned: set[str] = set()

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", f"{prefix}/socket.io/", self._refusing("Socket.IO")) for prefix in PREFIXES]

    def frame_refused(self, frame: bytes) -> None:
        """Check whether a text frame that no dialect could read comes from one of the libraries."""
        if all(part in frame for part in FIRST_OF_Y_WEBRTC):
            self._warn("y-webrtc")

    def _warn(self, library: str) -> str:
        """Print the sentence about a library, unless it has been printed before. Returns the sentence."""
        text = sentence(library)
        if library not in self._warned:
            self._warned.add(library)
            logger.warning("%s", text)
        return text

    def _refusing(self, library: str) -> Handler:
        async def refuse(request: web.Request) -> web.StreamResponse:
            request[CROSS_ORIGIN] = True
            raise web.HTTPNotImplemented(text=f"{self._warn(library)}\n")

        return refuse
