"""Start the servers that the benchmarks compare."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import platformdirs
import psutil

from tests.bench.cores import SERVER, on_core
from tests.bench.manners import FLOOR, PEERJS_SERVER
from tests.kit.checkout import FRONTEND, ROOT

NODE, PEERJS, BUN = "node", "peerjs", "bun"
RIVALS = Path(__file__).parent / "rivals"
CACHE = platformdirs.user_cache_path("signaling-sidecar") / "bench"
"""The folder in which Bun is installed, and in which the C program `floor` is compiled."""
STARTS_WITHIN_S = 20.0
UNLIMITED = 1_000_000
LIMITS = {"max_frames_per_s": UNLIMITED, "max_frames_burst": UNLIMITED, "max_peers_per_room": 1000}
"""The sidecar checks its limits, but they are too high for the benchmarks to reach."""

Words = Sequence[str | Path]


class Contender(NamedTuple):
    name: str
    dialect: str
    """The protocol of its clients: a name in `ALL_MANNERS`."""
    words: Callable[[int, Path], Words]
    """Returns the command that starts the server, given a port and an empty folder for files."""
    announces_joins: bool = True
    """Whether the clients in a room are told when another client joins."""


class Server:
    """A contender that is running, with all processes that it has started."""

    def __init__(self, process: psutil.Process, port: int) -> None:
        self.port = port
        self._process = process

    def cpu_s(self) -> float:
        times = [process.cpu_times() for process in self._processes()]
        return sum(each.user + each.system for each in times)

    def memory_bytes(self) -> int:
        return sum(process.memory_info().rss for process in self._processes())

    def _processes(self) -> list[psutil.Process]:
        return [self._process, *self._process.children(recursive=True)]


@contextmanager
def running(contender: Contender) -> Iterator[Server]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        port, output = _free_port(), Path(folder) / "output.txt"
        with on_core(SERVER), output.open("w") as file:
            words = contender.words(port, Path(folder))
            # With XDG_STATE_HOME, the server uses no state folder of the user. The Makefile says why
            # PYTHONDONTWRITEBYTECODE is removed.
            env = {**os.environ, "XDG_STATE_HOME": folder}
            env.pop("PYTHONDONTWRITEBYTECODE", None)
            process = psutil.Popen(words, stdin=subprocess.DEVNULL, stdout=file, stderr=file, cwd=ROOT, env=env)
        try:
            _wait_until_it_listens(process, port)
            yield Server(process, port)
        except ChildProcessError as error:
            error.add_note(output.read_text())
            raise
        finally:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
            process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def _wait_until_it_listens(process: psutil.Popen, port: int) -> None:
    deadline_s = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline_s and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.002)
    raise ChildProcessError(f"{process.args} does not listen on port {port}")


def _sidecar(port: int, folder: Path) -> Words:
    flags = [word for name, value in LIMITS.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    where = ["--port", str(port), "--project", folder]
    return [sys.executable, "-m", "signaling_sidecar", "serve", *where, *flags]


OURS = Contender("sidecar", "rooms", _sidecar)


def find_contenders() -> tuple[list[Contender], list[str]]:
    """Return the servers that can run here, the sidecar first, and a sentence for each server that cannot."""
    contenders, missing = [OURS], []
    for find in (find_node, _find_peerjs, _find_bun, _find_floor):
        found = find()
        if isinstance(found, str):
            missing.append(found)
        else:
            contenders.append(found)
    return contenders, missing


def find_node() -> Contender | str:
    if shutil.which("node") is None or not (FRONTEND / "node_modules" / "ws").exists():
        return f"{NODE} is left out: Node.js or the packages in frontend-proxy/node_modules are missing"
    return Contender(NODE, "rooms", lambda port, folder: ["node", RIVALS / "node.mjs", str(port)])


def _find_peerjs() -> Contender | str:
    program = FRONTEND / "node_modules" / "peer" / "dist" / "bin" / "peerjs.js"
    if shutil.which("node") is None or not program.exists():
        return f"{PEERJS} is left out: Node.js or the packages in frontend-proxy/node_modules are missing"
    flags = ["--host", "127.0.0.1", "--path", "/"]
    return Contender(
        PEERJS,
        PEERJS_SERVER,
        lambda port, folder: ["node", program, *flags, "--port", str(port)],
        announces_joins=False,
    )


def _find_bun() -> Contender | str:
    """Bun is not a dependency of the project, so it is installed into a cache."""
    program = CACHE / "node_modules" / ".bin" / "bun"
    if not program.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        words = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", CACHE, "bun@1"]
        problem = _problem_of(words)
        if problem is not None:
            return f"{BUN} is left out, because it cannot be installed: {problem}"
    problem = _problem_of([program, "--version"])
    if problem is not None:
        return f"{BUN} is left out, because it does not run here: {problem}"
    return Contender(BUN, "rooms", lambda port, folder: [program, RIVALS / "bun.mjs", str(port)])


def _find_floor() -> Contender | str:
    program = CACHE / "floor"
    CACHE.mkdir(parents=True, exist_ok=True)
    problem = _problem_of(["cc", "-O2", "-o", program, RIVALS / "floor.c"])
    if problem is not None:
        return f"{FLOOR} is left out, because it needs Linux and a C compiler: {problem}"
    return Contender(FLOOR, FLOOR, lambda port, folder: [program, str(port)], announces_joins=False)


def _problem_of(words: Words) -> str | None:
    """Run a command. If the command fails, return the reason."""
    try:
        subprocess.run(words, check=True, capture_output=True, text=True)
    except OSError as error:
        return f"{words[0]}: {error.strerror}"
    except subprocess.CalledProcessError as error:
        return (error.stderr.strip().splitlines() or [f"{words[0]} ended with the code {error.returncode}"])[-1]
    return None
