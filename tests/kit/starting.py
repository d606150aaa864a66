"""Start programs in the environment of a developer, and end them."""

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
    """The folder with the state folders of a test's sidecars. A sidecar that is still running at the end is killed."""
    yield path
    for runtime in path.glob("signaling-sidecar/*/runtime.json"):
        pid = json.loads(runtime.read_text())["pid"]
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)


def _environment(state_home: Path) -> dict[str, str]:
    """The environment of a developer who uses the sidecar of this Python interpreter. The variable CI is removed
    because the plugin starts no sidecar in CI, and the variables of make are removed too."""
    kept = {key: value for key, value in os.environ.items() if key not in ("CI", "VITEST", "MAKEFLAGS", "MAKELEVEL")}
    bin_folder = Path(sys.executable).parent
    return kept | {
        "NO_COLOR": "1",
        "PATH": f"{bin_folder}{os.pathsep}{kept['PATH']}",
        "PYTHONUNBUFFERED": "1",
        # As for users, who have no checkout. Otherwise each sidecar would be three processes, and saving a file of its
        # code during a test would close all connections.
        "SIDECAR_RELOAD": "off",
        "VIRTUAL_ENV": sys.prefix,
        "XDG_STATE_HOME": str(state_home),
    }


@asynccontextmanager
async def starting(folder: Path) -> AsyncIterator[Start]:
    """A function that starts programs. The state folders of their sidecars are in this folder."""
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
