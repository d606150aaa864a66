"""Parses the JSON bodies of requests to the admin API, and builds its JSON responses."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from signaling_sidecar.server.http.request_body import request_body

MAX_BODY_BYTES = 2**20  # a body normally has one or two lines


async def read_body(request: web.Request, type_: type[Any]) -> Any:
    """Decode the JSON body of a request.

    Raises HTTPRequestEntityTooLarge, HTTPRequestTimeout or one of the exceptions in NOT_JSON.
    """
    sent = await request_body(request, MAX_BODY_BYTES)
    return msgspec.json.decode(sent or b"{}", type=type_)


def json_answer(body: Any, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")
