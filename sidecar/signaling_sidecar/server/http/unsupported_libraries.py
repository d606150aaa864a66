"""Answers for the clients of libraries whose protocol the sidecar does not speak.

Without them, such a client would only fail to connect, and its developer would not learn why. A library is recognised
by the path that it asks for. Its developer is told in the terminal, once for each library, and in the browser's console
as far as the library prints there what it receives.
"""

from __future__ import annotations

import json
import logging

from aiohttp import WSCloseCode, web

from signaling_sidecar.server.http.access import CROSS_ORIGIN, Handler

logger = logging.getLogger("signaling_sidecar")

PREFIXES = ("", "/ws/signaling")
"""The prefixes of the libraries' paths: none on the sidecar's own port, and `/ws/signaling` through Vite's proxy."""
SERVERS = {
    "PeerJS": "its own server (npm i -D peer)",
    "Socket.IO": "a Socket.IO server of your own",
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
        paths = {
            "/peerjs": self._peerjs_socket,
            "/peerjs/{rest:.*}": self._refusing("PeerJS"),
            "/socket.io/": self._refusing("Socket.IO"),
        }
        return [web.route("*", prefix + path, answer) for prefix in PREFIXES for path, answer in paths.items()]

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

    async def _peerjs_socket(self, request: web.Request) -> web.StreamResponse:
        """Answer in the only way that PeerJS passes on to its page: an ERROR frame.

        PeerJS ignores HTTP statuses, close codes and close reasons.
        """
        socket = web.WebSocketResponse(compress=False)
        if not socket.can_prepare(request):
            return await self._refusing("PeerJS")(request)
        await socket.prepare(request)
        await socket.send_str(json.dumps({"type": "ERROR", "payload": {"msg": self._warn("PeerJS")}}))
        await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"not-peerjs")
        return socket
