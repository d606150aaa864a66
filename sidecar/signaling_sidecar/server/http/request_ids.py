"""An id for each HTTP request, so that its answer, the log of a proxy and our own messages can be put together."""

from __future__ import annotations

import re
import secrets

from aiohttp import web
from aiohttp.typedefs import Handler

from signaling_sidecar.json_log import request_id

HEADER = "X-Request-ID"
ID = web.RequestKey("request_id", str)
_SAFE = re.compile(r"[A-Za-z0-9._-]{1,64}")  # the id is repeated in our answer and in our messages


def add_to(app: web.Application) -> None:
    """Must be called before anything else that may refuse a request is added."""
    app.middlewares.append(_with_id)
    app.on_response_prepare.append(_answer_with_id)


@web.middleware
async def _with_id(request: web.Request, handler: Handler) -> web.StreamResponse:
    sent = request.headers.getall(HEADER, ())
    request[ID] = sent[0] if len(sent) == 1 and _SAFE.fullmatch(sent[0]) else secrets.token_hex(8)
    request_id.set(request[ID])  # it is not reset, because aiohttp reports an exception of the handler later
    return await handler(request)


async def _answer_with_id(request: web.Request, response: web.StreamResponse) -> None:
    if ID in request:
        response.headers[HEADER] = request[ID]
