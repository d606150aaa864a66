"""The option `--url`, with which a command asks a sidecar on another machine instead of reading files of this one."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.error import HTTPError

from signaling_sidecar.admin_request import TIMEOUT_S, answering, open_admin, refusal_of, warning_of_plain_http
from signaling_sidecar.errors import NotAnswered

TOKEN_VARIABLE = "SIDECAR_ADMIN_TOKEN"  # noqa: S105 - the name of a variable
TOKEN = re.compile(r"[!-~]+")


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

    `problem` is set when the thread cannot append any more records.
    """

    def __init__(self, url: str, path: Path) -> None:
        self.path = path
        self.problem: NotAnswered | None = None
        self._url = url
        Thread(target=self._copy, daemon=True).start()  # a daemon, so that the command can end while the thread waits

    def _copy(self) -> None:
        try:
            with self.path.open("wb", buffering=0) as file:
                for line in records(self._url, follow=True):
                    file.write(line)
            self.problem = NotAnswered(self._url, "it has ended the stream of its records")
        except NotAnswered as error:
            self.problem = error
        except OSError as error:
            self.problem = NotAnswered(self._url, f"its log could not be copied: {error}")


def records(url: str, after: int = 0, *, follow: bool = False) -> Iterator[bytes]:
    """Yield each line after the record with the number `after` in the log of the sidecar's current run.

    With `follow`, waits for new records when the log ends.
    """
    path = f"records?after={after}&follow={str(follow).lower()}"
    with answer_of(url, path, None if follow else TIMEOUT_S) as answer:
        yield from answer
