"""Handles errors that clients cause: the client gets a response, and the terminal shows no traceback."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.typedefs import Handler

MAX_HEADER_BYTES = 32_768  # bytes of the request line, and of each header; Node accepts 16 KiB for all headers
MAX_HEADERS = 64  # headers of a request; browsers send about 20, and each proxy may add a few

_TOO_LONG = (
    f"refused a request with a header of more than {MAX_HEADER_BYTES // 1024} KiB: a browser sends the cookies of every"
    " localhost port to all of them, so delete those that you do not need"
)

logger = logging.getLogger("signaling_sidecar")


async def keep_out_of_the_log(app: web.Application) -> AsyncIterator[None]:
    """While the application runs, keep aiohttp from logging errors that clients cause. aiohttp has sent these clients
    a response already."""
    server_logger, faults = logging.getLogger("aiohttp.server"), _ClientFaults()
    server_logger.addFilter(faults)
    yield
    server_logger.removeFilter(faults)


async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Call the handler. No error is logged if the client disconnects, or if the body of the request is cut off."""
    try:
        return await handler(request)
    except web.RequestPayloadError:
        raise web.HTTPBadRequest(text="the body of the request cannot be read\n") from None
    except ConnectionError:
        if request.transport is not None and not request.transport.is_closing():
            raise
        return web.Response()  # aiohttp needs a return value, although the client has disconnected


class _ClientFaults(logging.Filter):
    """Rejects the log records of aiohttp about requests that it could not read."""

    def __init__(self) -> None:
        super().__init__()
        self._hinted = False

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, LineTooLong) and not self._hinted:
            self._hinted = True
            # The page cannot show the reason, because it only learns that its connection has failed.
            logger.warning(_TOO_LONG, extra={"code": "header-too-long"})
        return not isinstance(error, HttpProcessingError | web.RequestPayloadError)
