"""The bodies of requests to the admin API, and of its answers."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from aiohttp import web

BODY_WITHIN_S = 10.0  # seconds for the body of a request to arrive; it is a line or two


async def read_body(request: web.Request, type_: type[Any]) -> Any:
    """Decode the JSON body of a request. Raises HTTPRequestTimeout and one of NOT_JSON."""
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            sent = await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="the body of the request has not arrived\n") from None
    return msgspec.json.decode(sent or b"{}", type=type_)


def json_answer(body: Any, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")
