"""Requests that fail by their client's doing: they cost it an answer, and nobody a traceback in the terminal."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

MAX_HEADER_BYTES = 32_768  # bytes of the request line, and of one header; Node takes 16 KiB of all together
MAX_HEADERS = 64  # browsers send about 20, and a few proxies add some each

_TOO_LONG = (
    f"refused a request with a header of more than {MAX_HEADER_BYTES // 1024} KiB: a browser sends the cookies of every"
    " localhost port to all of them, so delete those that you do not need"
)

logger = logging.getLogger("signaling_sidecar")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def keep_out_of_the_log(app: web.Application) -> AsyncIterator[None]:
    """While the application runs, aiohttp logs errors of ours only; those of a client it has answered already."""
    server_logger, faults = logging.getLogger("aiohttp.server"), _ClientFaults()
    server_logger.addFilter(faults)
    yield
    server_logger.removeFilter(faults)


async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let the handler answer. A client that went away meanwhile, or whose body breaks off, is no error of ours."""
    try:
        return await handler(request)
    except web.RequestPayloadError:
        raise web.HTTPBadRequest(text="the body of the request cannot be read\n") from None
    except ConnectionError:
        if request.transport is not None and not request.transport.is_closing():
            raise
        return web.Response()  # aiohttp wants one, and sends it to nobody


class _ClientFaults(logging.Filter):
    """Lets everything pass but what aiohttp says of requests that it could not read."""

    def __init__(self) -> None:
        super().__init__()
        self._hinted = False

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, LineTooLong) and not self._hinted:
            self._hinted = True
            logger.warning(_TOO_LONG)  # its page sees nothing but a connection that fails
        return not isinstance(error, HttpProcessingError | web.RequestPayloadError)
