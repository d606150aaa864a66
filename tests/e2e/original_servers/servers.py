"""Starts the signaling servers in the npm packages `peer` and `y-webrtc`, and a sidecar to compare them with."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp.test_utils import TestServer

from signaling_sidecar.server import Sidecar
from signaling_sidecar.settings import Settings
from tests.kit.checkout import FRONTEND
from tests.kit.programs import Program, Start

PACKAGES = FRONTEND / "node_modules"


class Running(NamedTuple):
    program: Program
    port: int


async def start_original(start: Start, dialect: str, flags: Sequence[str] = ()) -> Running:
    port = _free_port()
    match dialect:
        case "peerjs":
            words = [
                PACKAGES / "peer" / "dist" / "bin" / "peerjs.js",
                "--host",
                "127.0.0.1",
                "--port",
                str(port),
                *flags,
            ]
            program = await start(["node", *words], FRONTEND)
            await program.line("Started PeerServer")
        case "y-webrtc":
            server = PACKAGES / "y-webrtc" / "bin" / "server.js"
            program = await start(["node", server], FRONTEND, {"PORT": str(port)})
            await program.line("Signaling server running")
        case _:
            raise ValueError(dialect)
    return Running(program, port)


def _free_port() -> int:
    """A port that is free now. The original servers cannot choose a free port and print it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


class Original:
    """An original server. It is started when a script needs it, and again if it has ended."""

    def __init__(self, start: Start, dialect: str, flags: Sequence[str]) -> None:
        self._start, self._dialect, self._flags = start, dialect, flags
        self._running: Running | None = None

    async def url(self) -> str:
        if self._running is None or self._running.program.process.returncode is not None:
            self._running = await start_original(self._start, self._dialect, self._flags)
        return f"http://127.0.0.1:{self._running.port}"

    async def ended(self) -> int:
        """Wait until the server ends by itself, and return its exit code."""
        assert self._running is not None
        return await self._running.program.ended()


@asynccontextmanager
async def own_server(state_dir: Path, settings: dict[str, Any]) -> AsyncIterator[str]:
    """Serve a sidecar in this process, and yield its URL."""
    sidecar = Sidecar(replace(Settings(state_dir=state_dir, project=state_dir), **settings))
    async with TestServer(sidecar.app()) as server:
        yield str(server.make_url("/")).rstrip("/")
