"""Runs a Redis server for tests, on a free port and with files in a separate folder."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.kit.free_port import free_port

START_WITHIN_S = 10.0


class RedisServer:
    """Debian's `redis-server`. Unless `options` change this, it writes each command to disk before it answers.

    With `certificate`, a file with a certificate and its key, it also listens for TLS connections at `encrypted_port`.
    """

    def __init__(self, folder: Path, *options: str, certificate: Path | None = None) -> None:
        self._folder = folder
        self._options = options
        self.port = free_port()
        self.encrypted_port = free_port()
        if certificate is not None:
            files = [f"--tls-{use}-file" for use in ("cert", "key", "ca-cert")]
            self._options += ("--tls-port", str(self.encrypted_port), "--tls-auth-clients", "optional")
            self._options += tuple(part for file in files for part in (file, str(certificate)))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self.url_of(0)

    def url_of(self, database: int) -> str:
        return f"redis://127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        stable = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        self._process = subprocess.Popen(
            [*command, *stable, *self._options], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
        )
        deadline_s = time.monotonic() + START_WITHIN_S
        while not self._answers():
            assert self._process.poll() is None, "redis-server has ended"
            assert time.monotonic() < deadline_s, "redis-server does not answer"
            time.sleep(0.02)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def send(self, signal_: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(signal_)

    def kill(self) -> None:
        """Kill the server, if it runs."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    def empty(self) -> None:
        """Delete all keys."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(b"FLUSHALL\r\nSCRIPT FLUSH\r\n")
            received = b""
            while received.count(b"+OK") < 2:
                received += connection.recv(64)

    def content(self) -> bytes:
        """All keys and values as one text."""
        with Redis(port=self.port) as client:
            read = {b"stream": client.xrange, b"hash": client.hgetall, b"string": client.get}
            found = [(key, read[type_](key)) for key in client.scan_iter() if (type_ := client.type(key)) in read]
            return repr(found).encode()

    def forget(self) -> None:
        """Delete the files of a killed server, so that it is empty when it starts again."""
        assert self._process is None
        for path in self._folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def save_copy(self, folder: Path) -> None:
        """Copy the files of the running server."""
        shutil.copytree(self._folder, folder)

    def restore_copy(self, folder: Path) -> None:
        """Put copied files into the folder of a killed server."""
        assert self._process is None
        shutil.copytree(folder, self._folder, dirs_exist_ok=True)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False


@contextlib.contextmanager
def running_redis(folder: Path, *options: str, certificate: Path | None = None) -> Iterator[RedisServer]:
    """Run a Redis server, which is killed when the block ends."""
    skip_without_redis()
    folder.mkdir(exist_ok=True)
    server = RedisServer(folder, *options, certificate=certificate)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def skip_without_redis() -> None:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed: apt install redis-server")
