"""Runs a sidecar from a copy of its code, which a test can change so that the sidecar reloads it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

import aiohttp

from tests.kit.checkout import PACKAGE
from tests.kit.programs import Program, start_program

CHANGED = "server/http/dialect_routes.py"


def copy_package(folder: Path) -> Path:
    """Copy the package into this folder, without the bytecode that only pytest uses, which is a third of the files.

    Creating the files takes as much CPU time as starting a sidecar, so the tests of a file share a copy.
    """
    return Path(shutil.copytree(PACKAGE, folder / PACKAGE.name, ignore=shutil.ignore_patterns("*-pytest-*")))


class Copied:
    """A running sidecar with `--reload`, whose code is a copy of the package that the test can edit."""

    def __init__(self, program: Program, folder: Path, url: str, pids: list[int]) -> None:
        self.program, self._folder, self.url, self.pids = program, folder, url, pids

    def save(self, code: str) -> None:
        """Change a file that the server imports."""
        (self._folder / CHANGED).write_text((PACKAGE / CHANGED).read_text() + code)

    async def home(self, session: aiohttp.ClientSession) -> str:
        async with session.get(self.url, headers={"Connection": "close"}) as answer:
            return await answer.text()


@asynccontextmanager
async def served_from(
    folder: Path,
    tmp_path: Path,
    reload: str = "--reload",
    env: Mapping[str, str] = MappingProxyType({}),
    runner: Sequence[str] = (),
) -> AsyncIterator[Copied]:
    """Start a sidecar with the code in `folder`, which has its original code again at the end.

    `runner` is a command line that is put before that of the sidecar.
    """
    command = [*runner, sys.executable, "-m", "signaling_sidecar", "serve", "--port", "0", "--dialects", "rooms"]
    more = [reload, "--state-dir", str(tmp_path / "state"), "--exit-on-stdin-eof"]
    program = await start_program([*command, *more], tmp_path, {"PYTHONPATH": str(folder.parent), **env})
    try:
        ready = json.loads((await program.line(r"^\{.*\}$"))[0])
        yield Copied(program, folder, ready["url"], [program.process.pid, ready["pid"]])
    finally:
        if program.process.returncode is None:
            program.process.kill()
        await program.ended()
        shutil.copy2(PACKAGE / CHANGED, folder / CHANGED)
