"""Gives each HTTP request an id, by which its response, the log of a proxy and our log messages can be matched."""

from __future__ import annotations

import re
import secrets

from aiohttp import web
from aiohttp.typedefs import Handler

from signaling_sidecar.json_log import request_id

HEADER = "X-Request-ID"
ID = web.RequestKey("request_id", str)
_SAFE = re.compile(r"[A-Za-z0-9._-]{1,64}")  # ids that are safe in our response header and log messages


def add_to(app: web.Application) -> None:
    """Must be called before any middleware that may refuse a request is added."""
    app.middlewares.append(_with_id)
    app.on_response_prepare.append(_answer_with_id)


@web.middleware
async def _with_id(request: web.Request, handler: Handler) -> web.StreamResponse:
    sent = request.headers.getall(HEADER, ())
    request[ID] = sent[0] if len(sent) == 1 and _SAFE.fullmatch(sent[0]) else secrets.token_hex(8)
    # The id is not reset here, because aiohttp logs an exception of the handler after this function has returned.
    request_id.set(request[ID])
    return await handler(request)


async def _answer_with_id(request: web.Request, response: web.StreamResponse) -> None:
    if ID in request:
        response.headers[HEADER] = request[ID]
