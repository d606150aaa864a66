"""Reads the headers of WebSocket handshakes (RFC 6455, section 4)."""

from __future__ import annotations

from aiohttp import web

SUBPROTOCOLS = "Sec-WebSocket-Protocol"


def words(request: web.Request, name: str) -> list[str]:
    """Return the words in a comma-separated header, which may occur several times."""
    found = ",".join(request.headers.getall(name, ())).split(",")
    return [word.strip() for word in found if word.strip()]


def is_handshake(request: web.Request) -> bool:
    """Whether the request asks for an upgrade to the WebSocket protocol."""
    return _asks_for("websocket", request, "Upgrade") and _asks_for("upgrade", request, "Connection")


def _asks_for(word: str, request: web.Request, header: str) -> bool:
    return word in (each.lower() for each in words(request, header))
