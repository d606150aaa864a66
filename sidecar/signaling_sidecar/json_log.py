"""Write stderr as lines of JSON (`--log-format json`), for programs that collect the logs of many services."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import TextIO

from signaling_sidecar.errors import SidecarError

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the HTTP request that is being answered."""

logger = logging.getLogger("signaling_sidecar")


class JsonLines(logging.Formatter):
    """Formats each message as one JSON object in one line. The code of a message is passed as `extra={"code": …}`."""

    def format(self, record: logging.LogRecord) -> str:
        message, _, rest = record.getMessage().partition("\n")  # `rest` is a traceback or a call stack
        traceback = self.formatException(record.exc_info) if record.exc_info else rest or None
        line = {
            "ts": round(record.created, 6),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message,
            "code": getattr(record, "code", "internal" if record.exc_info else None),
            "request_id": request_id.get(),
            "traceback": traceback,
        }
        return json.dumps({name: value for name, value in line.items() if value is not None})


@contextmanager
def json_lines_on(stderr: TextIO) -> Iterator[None]:
    """In the block, write messages, the output of hooks and the error that ends the process to `stderr` as JSON.

    A SidecarError that ends the block is replaced by SystemExit.
    """
    if not isinstance(stderr, _Printed):  # a worker of `--reload` calls this twice: when it loads, and when it serves
        _write_json_lines(stderr)
    try:
        yield
    except SidecarError as error:
        logger.error("%s", error, extra={"code": error.code})
        raise SystemExit(2) from None


def _write_json_lines(stderr: TextIO) -> None:
    handler = logging.StreamHandler(stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # errors in logging would be printed, which would log them again
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)
    sys.excepthook = _uncaught
    sys.stdout = sys.stderr = _Printed()


def _uncaught(type_: type[BaseException], error: BaseException | None, traceback: TracebackType | None) -> None:
    if error is not None and not issubclass(type_, KeyboardInterrupt | SystemExit):
        logger.critical("the sidecar has failed", exc_info=(type_, error, traceback))


class _Printed(io.TextIOBase):
    """Replaces `sys.stdout` and `sys.stderr`, and logs each printed line as a message."""

    def __init__(self) -> None:
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in filter(None, lines):
            logger.info("%s", line, extra={"code": "printed"})
        return len(text)
