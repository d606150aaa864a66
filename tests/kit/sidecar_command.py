"""Runs the command `sidecar`, in a separate process as users do, or in this process.

A process needs up to half a second of CPU time to start. So tests use `run_here` for the output and the exit code of a
command, and `run` only for its process: streams, signals, warnings or encoding.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import chdir, contextmanager, nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from signaling_sidecar.cli import main
from tests.kit.receiving import receive_json

SIDECAR = [sys.executable, "-X", "dev", "-W", "error", "-m", "signaling_sidecar"]
PATIENCE_S = 60  # seconds that tests wait for a process to start or end, long enough for a busy machine
PYTHON_PATH = {"PYTHONPATH": os.pathsep.join(sys.path)}
"""Environment variables with which a process imports the same modules as the tests."""


class Serving:
    def __init__(self, process: subprocess.Popen[str], ready: dict[str, Any]) -> None:
        self.process, self.ready = process, ready

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Stop the sidecar, and return its exit code and its output on stderr."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> tuple[int, str]:
        _, errors = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, without_slow_steps(errors)


def without_slow_steps(errors: str) -> str:
    """Return the output on stderr without asyncio's reports of slow steps.

    In development mode, asyncio reports steps of the event loop of more than 100 ms, which are usual on a busy machine.
    """
    return "".join(line for line in errors.splitlines(keepends=True) if not line.startswith("Executing <"))


@contextmanager
def serving(state_dir: Path, *flags: str, **environment: str) -> Iterator[Serving]:
    command = [*SIDECAR, "serve", "--port", "0", "--state-dir", str(state_dir), *flags]
    pipe = subprocess.PIPE
    env = os.environ | environment
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=env) as process:
        assert process.stdout is not None
        try:
            yield Serving(process, json.loads(process.stdout.readline()))
        finally:
            process.kill()


def run(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command until it ends. The output is `without_slow_steps`."""
    done = subprocess.run(
        [*SIDECAR, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        cwd=cwd,
        check=False,
        env=os.environ | PYTHON_PATH | environment,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout, without_slow_steps(done.stderr))


def run_here(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in this process until it ends, and return what it printed and its exit code.

    If it does not end, it is interrupted as by Ctrl-C, so that the test fails instead of hanging.
    """
    with (
        _interrupted_after(PATIENCE_S),
        pytest.MonkeyPatch.context() as patch,
        chdir(cwd) if cwd is not None else nullcontext(),
        redirect_stdout(io.StringIO()) as output,
        redirect_stderr(io.StringIO()) as errors,
    ):
        for name, value in environment.items():
            patch.setenv(name, value)
        try:
            code = main(arguments)
        except SystemExit as ended:  # argparse has printed the help, the version or an error
            code = int(ended.code or 0)
    return subprocess.CompletedProcess(arguments, code, output.getvalue(), errors.getvalue())


@contextmanager
def _interrupted_after(seconds: float) -> Iterator[None]:
    watchdog = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


def join(url: str, room: str, peer: str) -> dict[str, Any]:
    """Join a room, close the connection so that the session is kept, and return the answer to the join."""

    async def once() -> dict[str, Any]:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/ws/signaling") as socket_:
            await socket_.send_json({"type": "join", "roomId": room, "peerId": peer})
            listed: dict[str, Any] = await receive_json(socket_)
            await socket_.close(code=4999)  # after this code, the session is kept
            return listed

    return asyncio.run(once())
