"""Refuses every HTTP request without a valid token, except requests for handlers that are marked as open.

A new path therefore needs a token until somebody marks its handler.
"""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from signaling_sidecar.server.authorisation.gate import Gate
from signaling_sidecar.server.http.access import CROSS_ORIGIN
from signaling_sidecar.server.http.handshake_headers import is_handshake
from signaling_sidecar.server.http.open_handlers import checks_handshakes, needs_no_token, token_parameters


class TokenRequired:
    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def add_to(self, app: web.Application) -> None:
        """Must be called after `http.access.Access.add_to`, so that Host and Origin are checked first."""
        app.middlewares.append(self._check)

    @web.middleware
    async def _check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        match = request.match_info
        is_open = match.http_exception is not None or needs_no_token(match.handler)
        if not is_open and not (checks_handshakes(match.handler) and is_handshake(request)):
            try:
                self._gate.require(request, token_parameters(match.handler))
            except web.HTTPException:
                request[CROSS_ORIGIN] = True  # any page may read the answer: it only says what is wrong with the token
                raise
        return await handler(request)
