"""Clients of servers that the sidecar is not: they are told so, where they would only find nothing.

Each is known by the path that its library asks for, or by its first frame. The sentence goes where its developer looks:
to the terminal, once for each library, and as far as the library shows it to the browser's console.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable

from aiohttp import WSCloseCode, web

logger = logging.getLogger("signaling_sidecar")

PREFIXES = ("", "/ws/signaling")
"""Of the sidecar's own port, and of what Vite proxies."""
FIRST_OF_Y_WEBRTC = (b'"subscribe"', b'"topics"')
"""What is in the first frame of y-webrtc, and in no frame of ours that is refused by mistake."""
SERVERS = {
    "PeerJS": "its own server (npm i -D peer)",
    "Socket.IO": "a Socket.IO server of your own",
    "y-webrtc": "its own server (npx y-webrtc-signaling)",
}
"""What a library needs in our place."""
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def sentence(library: str) -> str:
    return (
        f"the sidecar does not speak the protocol of {library}: run {SERVERS[library]} beside it. "
        "`signaling({ trace: true })` records its connections all the same, and `sidecar dialects` lists what is spoken"
    )


class ForeignProtocols:
    """`cross_origin` is set on requests whose answer a page of another origin may read, if it is let in."""

    def __init__(self, cross_origin: web.RequestKey[bool]) -> None:
        self._cross_origin = cross_origin
        self._said: set[str] = set()

    def routes(self) -> list[web.RouteDef]:
        paths = {
            "/peerjs": self._peerjs_socket,
            "/peerjs/{rest:.*}": self._refusing("PeerJS"),
            "/socket.io/": self._refusing("Socket.IO"),
        }
        return [web.route("*", prefix + path, answer) for prefix in PREFIXES for path, answer in paths.items()]

    def heard(self, frame: bytes) -> None:
        """A frame was refused."""
        if all(part in frame for part in FIRST_OF_Y_WEBRTC):
            self._say("y-webrtc")

    def _say(self, library: str) -> str:
        said = sentence(library)
        if library not in self._said:
            self._said.add(library)
            logger.warning("%s", said)
        return said

    def _refusing(self, library: str) -> Answer:
        async def refuse(request: web.Request) -> web.StreamResponse:
            request[self._cross_origin] = True
            raise web.HTTPNotImplemented(text=f"{self._say(library)}\n")

        return refuse

    async def _peerjs_socket(self, request: web.Request) -> web.StreamResponse:
        """PeerJS hands an error on to its page in this frame only: a close code, a reason or a status it does not."""
        socket = web.WebSocketResponse(compress=False)
        if not socket.can_prepare(request):
            return await self._refusing("PeerJS")(request)
        await socket.prepare(request)
        await socket.send_str(json.dumps({"type": "ERROR", "payload": {"msg": self._say("PeerJS")}}))
        await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"not-peerjs")
        return socket
