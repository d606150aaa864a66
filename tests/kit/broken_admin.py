"""A server that takes the place of a sidecar, and gives broken answers to requests of the admin API."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from signaling_sidecar.eventlog.state_dir import Runtime, write_runtime

BROKEN = {
    "reset": b"",
    "half": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
    "page": b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
    "half a refusal": b"HTTP/1.1 500 Oh\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
    "no HTTP": b"220 mail\r\n",
}


@contextmanager
def broken_admin(state_dir: Path, answer: bytes) -> Iterator[None]:
    """Answer each request with these bytes, and reset the connection. The folder's runtime.json names this server."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        write_runtime(state_dir, Runtime(url, os.getpid(), "b00t", "0.1.0", "/app", "token"))
        thread = Thread(target=_answer_all, args=(server, answer))
        thread.start()
        try:
            yield
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def _answer_all(server: socket.socket, answer: bytes) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:  # the test is over
            return
        with connection:
            connection.recv(65536)
            connection.sendall(answer)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
