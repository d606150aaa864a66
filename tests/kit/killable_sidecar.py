"""A sidecar in a separate process that a test can kill and start again, with the same port and state folder."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from tests.kit.checkout import PACKAGE
from tests.kit.copied_code import copy_package

STARTS_WITHIN_S = 60.0  # seconds; the machine may be busy


class KillableSidecar:
    """A sidecar whose output on stderr is appended to the file `errors`.

    With `own_code`, it runs a copy of the code, which `save_the_code` can change.
    """

    def __init__(self, folder: Path, *, own_code: bool = False) -> None:
        self._folder = folder
        self.errors = folder / "stderr.txt"
        self.hooks = folder / "signaling_hooks.py"
        self.hooks.write_text("")
        self._own_package = copy_package(folder / "source") if own_code else None
        self.saves = 0
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, *flags: str) -> None:
        """Start the sidecar, and try again while the worker of a killed supervisor still uses the port."""
        try:
            async with asyncio.timeout(STARTS_WITHIN_S):
                while not await self._starts(*flags):
                    await self.end(lambda process: None)
        except TimeoutError:
            raise AssertionError(f"the sidecar does not start:\n{self.errors.read_text()[-3000:]}") from None

    async def _starts(self, *flags: str) -> bool:
        command = [sys.executable, "-m", "signaling_sidecar", "serve", "--port", str(self.port)]
        with self.errors.open("ab") as errors:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                *("--state-dir", str(self._folder / "state"), "--project", str(self._folder), "--exit-on-stdin-eof"),
                *("--max-frames-per-s", "100000", "--hooks", str(self.hooks), *flags),
                env={**os.environ, "PYTHONPATH": str((self._own_package or PACKAGE).parent)},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        return bool(await self._process.stdout.readline())

    @property
    def pid(self) -> int:
        """The id of the started process, which is the supervisor if the sidecar runs with `--reload`."""
        assert self._process is not None
        return self._process.pid

    @property
    def serving_pid(self) -> int | None:
        """The id of the process that serves, or None while a worker takes over from another."""
        try:
            pid: int = json.loads((self._folder / "state" / "runtime.json").read_text())["pid"]
        except FileNotFoundError:
            return None
        return pid

    def save_the_code(self) -> None:
        """Change a file of the sidecar, as its developers do."""
        assert self._own_package is not None
        self.saves += 1
        with (self._own_package / "server" / "pages" / "page_files.py").open("a") as file:
            file.write(f"# saved {self.saves} times\n")

    async def ended(self) -> int:
        """Wait until the process ends by itself, and return its exit code."""
        assert self._process is not None
        return await self._process.wait()

    async def end(self, how: Callable[[asyncio.subprocess.Process], None]) -> None:
        assert self._process is not None
        how(self._process)
        await self._process.communicate()
