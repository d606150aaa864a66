"""Starts programs in the environment of a developer, and kills them at the end of a test."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from tests.kit.programs import Program, Start, is_running, start_program


@contextmanager
def _state_home(path: Path) -> Iterator[Path]:
    """The folder with the state folders of a test's sidecars. Sidecars that still run at the end are killed."""
    yield path
    for runtime in path.glob("signaling-sidecar/*/runtime.json"):
        pid = json.loads(runtime.read_text())["pid"]
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)


def _environment(state_home: Path) -> dict[str, str]:
    """The environment of a developer who has installed the sidecar in the environment of this Python interpreter.

    The variables of make and Vitest are removed, and the variable CI, because the plugin starts no sidecar in CI.
    `NODE_EXTRA_CA_CERTS` is removed too. Many companies set it, and Node.js then parses the certificates of all
    authorities at each start, which takes longer than the rest of the start. No server of a test needs them.
    """
    removed = ("CI", "VITEST", "MAKEFLAGS", "MAKELEVEL", "NODE_EXTRA_CA_CERTS")
    kept = {key: value for key, value in os.environ.items() if key not in removed}
    bin_folder = Path(sys.executable).parent
    return kept | {
        "NO_COLOR": "1",
        "PATH": f"{bin_folder}{os.pathsep}{kept['PATH']}",
        "PYTHONUNBUFFERED": "1",
        # The sidecar does not reload its code, as it is the default for users, who have no checkout. With reloading,
        # each sidecar would be three processes, and saving one of its files during a test would close all connections.
        "SIDECAR_RELOAD": "off",
        "VIRTUAL_ENV": sys.prefix,
        "XDG_STATE_HOME": str(state_home),
    }


@asynccontextmanager
async def starting(folder: Path) -> AsyncIterator[Start]:
    """Yield a function that starts programs. The state folders of their sidecars are in this folder."""
    with _state_home(folder / "state-home") as state_home:
        environment = _environment(state_home)
        programs: list[Program] = []

        async def start(words: Sequence[str | Path], cwd: Path, env: Mapping[str, str | None] | None = None) -> Program:
            changed = {**environment, **(env or {})}
            kept = {key: value for key, value in changed.items() if value is not None}
            programs.append(await start_program(words, cwd, kept))
            return programs[-1]

        yield start
        for program in reversed(programs):
            await program.stop()
