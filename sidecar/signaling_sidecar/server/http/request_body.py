"""Reads the body of a request, with a limit for its size and a timeout."""

from __future__ import annotations

import asyncio

from aiohttp import web

BODY_WITHIN_S = 10.0  # seconds within which the body of a request must arrive; it has a few KiB at most


async def request_body(request: web.Request, max_bytes: int) -> bytes:
    """Read the body of a request. Raises HTTPRequestEntityTooLarge and HTTPRequestTimeout."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > max_bytes:
                    raise web.HTTPRequestEntityTooLarge(max_bytes, len(body))
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="the body of the request has not arrived\n") from None
    return bytes(body)
