"""Run the command `sidecar` in a process of its own, as users do."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

SIDECAR = [sys.executable, "-X", "dev", "-W", "error", "-m", "signaling_sidecar"]
PATIENCE_S = 60  # seconds until a process that should start or end is given up, on a busy machine
PYTHON_PATH = {"PYTHONPATH": os.pathsep.join(sys.path)}
"""Added to the environment of a process, so that it imports the same modules as the tests."""


class Serving:
    def __init__(self, process: subprocess.Popen[str], ready: dict[str, Any]) -> None:
        self.process, self.ready = process, ready

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Stop the sidecar, and return its exit code and its output on stderr."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> tuple[int, str]:
        _, errors = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, errors


@contextmanager
def serving(state_dir: Path, *flags: str) -> Iterator[Serving]:
    command = [*SIDECAR, "serve", "--port", "0", "--state-dir", str(state_dir), *flags]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        try:
            yield Serving(process, json.loads(process.stdout.readline()))
        finally:
            process.kill()


def run(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command until it ends. Returns what it printed, without what only a busy machine makes asyncio report."""
    done = subprocess.run(
        [*SIDECAR, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        cwd=cwd,
        check=False,
        env=os.environ | PYTHON_PATH | environment,
    )
    # In development mode, asyncio reports each step of the event loop that took longer than 100 ms.
    said = [line for line in done.stderr.splitlines(keepends=True) if not line.startswith("Executing <")]
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout, "".join(said))


def join(url: str, room: str, peer: str) -> dict[str, Any]:
    """Join a room, and return the answer. The connection is then lost, and the session is kept."""

    async def once() -> dict[str, Any]:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/ws/signaling") as socket_:
            await socket_.send_json({"type": "join", "roomId": room, "peerId": peer})
            listed: dict[str, Any] = await socket_.receive_json(timeout=PATIENCE_S)
            await socket_.close(code=4999)  # a code that is not a leave
            return listed

    return asyncio.run(once())
