"""Ends long responses, such as the stream of records, when the token of the request has expired or was revoked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from signaling_sidecar.server.authorisation.gate import Gate
from signaling_sidecar.server.http.let_in import claims_of

LOOK_EVERY_S = 5.0  # seconds between two checks whether the token is still valid


@contextmanager
def ends_with_token(gate: Gate | None, request: web.Request) -> Iterator[None]:
    """While the block runs, close the connection of the request at most `LOOK_EVERY_S` after its token has expired or
    was revoked."""
    claims = claims_of(request)
    if gate is None or claims is None:
        yield
        return
    loop = asyncio.get_running_loop()

    timer: asyncio.TimerHandle

    def look() -> None:
        nonlocal timer
        if not gate.is_over(claims):
            timer = loop.call_later(LOOK_EVERY_S, look)
        elif request.transport is not None:
            request.transport.abort()

    timer = loop.call_later(LOOK_EVERY_S, look)
    try:
        yield
    finally:
        timer.cancel()
