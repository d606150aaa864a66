"""Start a sidecar for tests, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode

import msgspec

from signaling_sidecar.admin_request import ask_admin
from signaling_sidecar.diagnosis import Why
from signaling_sidecar.errors import AdminRefused, NotAnswered
from signaling_sidecar.eventlog.segments import find_segments
from signaling_sidecar.eventlog.state_dir import read_runtime
from signaling_sidecar.testing.errors import SidecarEnded, SidecarRefused
from signaling_sidecar.testing.room import TestRoom

ENDS_WITHIN_S = 10.0  # seconds in which the sidecar must end, before its process is killed
SIGNALING_PATH = "/ws/signaling"
ROOMS = "rooms"  # the dialect of the browser client


class TestSidecar:
    """A running sidecar. `folder` is its state folder."""

    __test__ = False  # otherwise pytest would collect this class, whose name begins with "Test"

    def __init__(self, folder: Path, http_url: str, token: str) -> None:
        self._folder, self._token = folder, token
        self.http_url = http_url
        """The URL of the sidecar's pages and HTTP endpoints."""

    @property
    def url(self) -> str:
        """The URL for clients of the dialect `rooms`, which begins with `ws:`."""
        return f"{self.http_url.replace('http', 'ws', 1)}{SIGNALING_PATH}"

    @property
    def log(self) -> Path:
        """The newest file of the event log, which the report of a failed test names."""
        return find_segments(self._folder).segments[-1]

    def room(self, id_: str, dialect: str = ROOMS) -> TestRoom:
        """The room with this id. The room need not exist yet."""
        return TestRoom(id_, dialect, self._ask, lambda: self.log)

    def why(self, room: str | None = None) -> Why:
        """The verdicts of `sidecar why` on every two peers that were together in a room: in any room, or in `room`."""
        query = "" if room is None else f"?{urlencode({'room': room})}"
        return msgspec.convert(self._ask("GET", f"why{query}"), Why)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        __tracebackhide__ = True  # a failure then shows the line of the test, and not a line of this method
        try:
            return ask_admin(self.http_url, self._token, method, path, body)
        except AdminRefused as error:
            raise SidecarRefused(error.code, error.message) from None
        except NotAnswered as error:
            raise SidecarEnded(f"the sidecar does not answer ({error.reason}): {_said(self._folder)}") from None


@contextmanager
def started_sidecar(folder: Path, options: Sequence[str] = ()) -> Iterator[TestSidecar]:
    """Start a sidecar with the state folder `folder`, and stop it at the end of the `with` block.

    `options` are command-line options of `sidecar serve`. The folder need not exist. The sidecar uses neither the
    settings file of the project nor the settings in the environment. Raises SidecarEnded if it does not start.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIDECAR_")}
    with (
        _open_errors_of(folder) as errors,
        subprocess.Popen(  # noqa: S603 - ourselves
            [*_serve(folder), *options],
            env=environment,
            stdin=subprocess.PIPE,  # the pipe is closed even if this process is killed, and then the sidecar ends
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            ready = process.stdout.readline()
            if not ready.startswith(b"{"):
                _end(process)
                raise SidecarEnded(f"the sidecar has not started: {_said(folder)}")
            runtime = read_runtime(folder)
            if runtime is None:
                raise SidecarEnded(f"the options name another state folder (--state-dir), but it must be {folder}")
            yield TestSidecar(folder, json.loads(ready)["url"], runtime.admin_token)
        finally:
            _end(process)


def _serve(folder: Path) -> list[str]:
    command = [sys.executable, "-P", "-m", "signaling_sidecar", "serve", "--port", "0", "--state-dir", str(folder)]
    return [*command, "--project", str(folder), "--private", "true", "--reload", "off", "--exit-on-stdin-eof"]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _open_errors_of(folder: Path) -> IO[bytes]:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _errors_of(folder).open("wb")
    except OSError as error:
        raise SidecarEnded(f"the sidecar cannot store its state in {folder}: {error.strerror}") from None


def _errors_of(folder: Path) -> Path:
    return folder / "stderr.txt"


def _said(folder: Path) -> str:
    return _errors_of(folder).read_text(encoding="utf-8", errors="replace").strip()
