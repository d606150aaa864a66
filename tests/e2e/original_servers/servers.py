"""The servers that the npm packages `peer` and `y-webrtc` bring, and a sidecar to compare them with."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestServer

from signaling_sidecar.server import Sidecar
from signaling_sidecar.settings import Settings
from tests.kit.checkout import FRONTEND
from tests.kit.programs import STARTS_WITHIN_S, Program, Start

PACKAGES = FRONTEND / "node_modules"


class Original:
    """A running original server, which is started again when a script needs it after it has ended."""

    def __init__(self, start: Start, dialect: str, flags: Sequence[str]) -> None:
        self._start, self._dialect, self._flags = start, dialect, flags
        self._program: Program | None = None
        self._port = 0

    async def url(self) -> str:
        if self._program is None or self._program.process.returncode is not None:
            self._port = _free_port()
            self._program = await self._started()
            await _accepts(self._port)
        return f"http://127.0.0.1:{self._port}"

    async def ended(self) -> int:
        """Wait until the server ends by itself, and return its exit code."""
        assert self._program is not None
        return await self._program.ended()

    async def _started(self) -> Program:
        match self._dialect:
            case "peerjs":
                path = PACKAGES / "peer" / "dist" / "bin" / "peerjs.js"
                words = ["--host", "127.0.0.1", "--port", str(self._port), *self._flags]
                return await self._start(["node", path, *words], FRONTEND)
            case "y-webrtc":
                path = PACKAGES / "y-webrtc" / "bin" / "server.js"
                return await self._start(["node", path], FRONTEND, {"PORT": str(self._port)})
        raise ValueError(self._dialect)


def _free_port() -> int:
    """Neither of the servers can choose a port itself and say which one it is."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


async def _accepts(port: int) -> None:
    async with asyncio.timeout(STARTS_WITHIN_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                return writer.close()


@asynccontextmanager
async def own_server(state_dir: Path, settings: dict[str, Any]) -> AsyncIterator[str]:
    """The URL of a new sidecar in this process."""
    sidecar = Sidecar(replace(Settings(state_dir=state_dir, project=state_dir), **settings))
    async with TestServer(sidecar.app()) as server:
        yield str(server.make_url("/")).rstrip("/")
