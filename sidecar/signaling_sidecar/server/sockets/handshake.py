"""Checks the request of a WebSocket handshake (RFC 6455, section 4), and builds the response to it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

from aiohttp import web
from aiohttp.http import WS_KEY

from signaling_sidecar.dialects import Rejection
from signaling_sidecar.server.authorisation.tokens_in_requests import BEARER
from signaling_sidecar.server.http.handshake_headers import SUBPROTOCOLS, words

VERSION = "13"
KEY_BYTES = 16  # RFC 6455, 4.1
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2


class SwitchingProtocols(web.StreamResponse):
    """The response to a handshake that `refuse_handshake` has accepted."""

    def __init__(self, request: web.Request) -> None:
        key = request.headers["Sec-WebSocket-Key"].encode()
        accept = base64.b64encode(hashlib.sha1(key + WS_KEY, usedforsecurity=False).digest()).decode()
        headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept}
        # A browser that has offered subprotocols fails the connection if the server chooses none.
        names = _names(request)
        super().__init__(status=101, headers=headers | ({SUBPROTOCOLS: names[0]} if names else {}))
        self.force_close()

    async def write_eof(self, data: bytes = b"") -> None:
        """Does nothing, because the response has no body, and aiohttp no longer has the connection."""


def refuse_handshake(request: web.Request) -> web.HTTPException | None:
    """Check a request for which `is_handshake` is True. Returns the error if it is not a valid handshake."""
    if request.version < (1, 1) or request.method != "GET" or request.body_exists:
        return web.HTTPBadRequest(text="a WebSocket handshake is a GET of HTTP/1.1 without a body\n")
    if request.headers.getall("Sec-WebSocket-Version", ()) != [VERSION]:
        headers = {"Upgrade": "websocket", "Sec-WebSocket-Version": VERSION}
        return web.HTTPUpgradeRequired(text=f"the WebSocket protocol here is version {VERSION}\n", headers=headers)
    keys = request.headers.getall("Sec-WebSocket-Key", ())
    if len(keys) != 1 or not _is_key(keys[0]):
        return web.HTTPBadRequest(text="the request must have exactly one Sec-WebSocket-Key: 16 bytes in base64\n")
    offered = words(request, SUBPROTOCOLS)
    if not all(map(_TOKEN.fullmatch, offered)):  # the response contains one of these names
        return web.HTTPBadRequest(text="Sec-WebSocket-Protocol must be names separated by commas\n")
    if offered and not _names(request):
        text = "offer another subprotocol after the one with the token, because the answer must not repeat a token\n"
        return web.HTTPBadRequest(text=text)
    return None


def _names(request: web.Request) -> list[str]:
    """Return the offered subprotocols that the response may name: all but those that contain a token."""
    return [word for word in words(request, SUBPROTOCOLS) if not word.startswith(BEARER)]


def error_of(rejection: Rejection) -> web.HTTPException:
    """Return the response of a dialect to a request that is not a handshake, or to a handshake that the dialect
    rejects."""
    if rejection.status == web.HTTPUpgradeRequired.status_code:
        return web.HTTPUpgradeRequired(text=rejection.text, headers={"Upgrade": "websocket"})
    return web.HTTPBadRequest(text=rejection.text)


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == KEY_BYTES
    except (binascii.Error, ValueError):  # ValueError for characters outside of ASCII
        return False
