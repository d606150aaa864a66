"""The option `--url`, with which a command asks a sidecar on another machine instead of reading files of this one."""

from __future__ import annotations

import functools
import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote

from signaling_sidecar.admin_request import TIMEOUT_S, answering, open_admin, refusal_of, warning_of_plain_http
from signaling_sidecar.cli.reader import check_reader
from signaling_sidecar.cli.sidecar_clock import SidecarClock
from signaling_sidecar.errors import NotAnswered

TOKEN_VARIABLE = "SIDECAR_ADMIN_TOKEN"  # noqa: S105 - the name of a variable
TOKEN = re.compile(r"[!-~]+")
POLL_S = 0.2  # seconds between two checks whether somebody still reads the output
MAX_WAITING = 1000  # records of a stream that wait to be printed
# Seconds without a record until the connection is checked, and between two checks, and the number of checks. A lost
# connection is noticed after half a minute.
KEEPALIVE = {"TCP_KEEPIDLE": 15, "TCP_KEEPALIVE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}


def add_option(parser: Any) -> None:
    parser.add_argument(
        "--url",
        help=f"ask the sidecar at this URL, on another machine; the variable {TOKEN_VARIABLE} must contain a token "
        "with the scope `admin`",
    )


@contextmanager
def answer_of(url: str, path: str, timeout_s: float | None = TIMEOUT_S) -> Iterator[HTTPResponse]:
    """Send a GET request for `path` to the admin API, and return the response. Raises NotAnswered."""
    with answering(url):
        token = token_for(url)
        _warn_of_plain_http(url)
        try:
            with open_admin(url, token, "GET", path, timeout_s=timeout_s) as answer:
                yield answer
        except HTTPError as error:
            code, sentence = refusal_of(error)
            raise NotAnswered(url, f"{code}: {sentence}") from None


def token_for(url: str) -> str:
    """Return the access token from the environment variable SIDECAR_ADMIN_TOKEN. Raises NotAnswered if the variable
    contains no valid token."""
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not TOKEN.fullmatch(token):
        raise NotAnswered(url, f"set the variable {TOKEN_VARIABLE} to a token with the scope `admin`")
    return token


@functools.cache  # so that `tail`, which sends two requests, prints one warning
def _warn_of_plain_http(url: str) -> None:
    warning = warning_of_plain_http(url)
    if warning is not None:
        print(warning, file=sys.stderr)


class GrowingCopy:
    """A local copy of the log of the sidecar's current run. A thread appends the sidecar's new records to the copy.

    `clock` is the clock of the sidecar, from which the times of the records are. `problem` is set when the thread
    cannot append any more records.
    """

    def __init__(self, url: str, path: Path) -> None:
        self.path = path
        self.clock = SidecarClock()
        self.problem: NotAnswered | None = None
        self._url = url
        Thread(target=self._copy, daemon=True).start()  # a daemon, so that the command can end while the thread waits

    def _copy(self) -> None:
        try:
            asked_ts = time.time()
            # This raises an error soon if no sidecar answers, whereas waiting for records has no time limit.
            with answer_of(self._url, "rooms") as answer:
                self.clock.compare(asked_ts, answer)
            with self.path.open("wb", buffering=0) as file:
                for line in _stream(self._url):
                    file.write(line)
        except NotAnswered as error:
            self.problem = error
        except OSError as error:
            self.problem = NotAnswered(self._url, f"its log could not be copied: {error}")


def records(url: str, clock: SidecarClock | None = None) -> Iterator[bytes]:
    """Yield each line in the log of the sidecar's current run so far. Sets `clock` to the clock of the sidecar."""
    asked_ts = time.time()
    with answer_of(url, "records?after=0&follow=false") as answer:
        if clock is not None:
            clock.compare(asked_ts, answer)
        yield from answer


def new_records(url: str, after: int, boot: str) -> Iterator[bytes]:
    """Yield each line after the record with the number `after` of the run `boot`, and wait for new records. If the
    sidecar was restarted meanwhile, all records of its new run are yielded.

    Raises NotAnswered when there will be no more records, and BrokenPipeError when nobody reads the output any more.
    """
    # Another thread reads the stream, because a thread that waits for the network cannot look at the output.
    lines: Queue[bytes | NotAnswered] = Queue(MAX_WAITING)

    def read() -> None:
        try:
            for line in _stream(url, after, boot):
                lines.put(line)
        except NotAnswered as error:
            lines.put(error)

    Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=POLL_S)
        except Empty:
            check_reader()
            continue
        if isinstance(line, NotAnswered):
            raise line
        yield line


def _stream(url: str, after: int = 0, boot: str = "") -> Iterator[bytes]:
    """Yield each line after the record with the number `after` of the run `boot`, and wait for new records. Raises
    NotAnswered at the end."""
    of_run = f"&boot={quote(boot, safe='')}" if boot else ""
    with answer_of(url, f"records?after={after}{of_run}&follow=true", None) as answer:
        _keep_alive(answer)
        yield from answer
    raise NotAnswered(url, "it has ended the stream of its records")


def _keep_alive(answer: HTTPResponse) -> None:
    """Let the system check the connection of a stream whenever no record arrives for a while.

    Without these checks, a command would wait for ever after this machine has changed its network, or the sidecar's
    machine has lost its power.
    """
    with socket.fromfd(answer.fileno(), socket.AF_INET, socket.SOCK_STREAM) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in KEEPALIVE.items():
            if hasattr(socket, name):  # systems have different options
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
