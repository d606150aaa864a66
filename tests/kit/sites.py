"""What the tests run: the sidecar, and a Vite dev server in front of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signaling_sidecar.eventlog.segment_text import whole_lines
from signaling_sidecar.eventlog.segments import find_segments
from tests.kit.checkout import FRONTEND
from tests.kit.programs import Program, Start

PLUGIN = FRONTEND / "dist" / "plugin" / "index.mjs"
VITE = FRONTEND / "node_modules" / "vite" / "bin" / "vite.js"
LISTENS = r"signaling sidecar \S+ on (?P<url>http\S+), event log in (?P<state_dir>.+)$"


@dataclass
class Sidecar:
    """A sidecar that listens, whoever started it."""

    url: str
    state_dir: Path
    pid: int
    program: Program
    """Where its lines are printed: itself, or the Vite that started it."""

    def records(self) -> list[dict[str, Any]]:
        """All of its log, and of those before it in the same state folder; names are in order of time."""
        segments = find_segments(self.state_dir).segments
        return [json.loads(line) for segment in segments for line in whole_lines(segment).splitlines()]


@dataclass
class Site:
    """A Vite dev server that listens, and the sidecar behind it."""

    url: str
    """Ends with a slash."""
    vite: Program
    sidecar: Sidecar


async def sidecar_in(program: Program, nth: int = 1) -> Sidecar:
    """The `nth` sidecar that has said in these lines that it listens."""
    said = await program.line(LISTENS, nth)
    state_dir = Path(said["state_dir"])
    runtime = json.loads((state_dir / "runtime.json").read_text())
    assert runtime["url"] == said["url"]
    return Sidecar(said["url"], state_dir, runtime["pid"], program)


async def url_in(vite: Program) -> str:
    return (await vite.line(r"Local:\s+(http\S+)"))[1]


async def network_url_in(vite: Program) -> str:
    return (await vite.line(r"Network:\s+(http\S+)"))[1]


async def start_sidecar(
    start: Start, project: Path, flags: Sequence[str] = (), words: Sequence[str | Path] = ("sidecar",)
) -> Sidecar:
    """`sidecar serve` on a free port, in a terminal of its own so to say."""
    return await sidecar_in(await start([*words, "serve", "--port", "0", *flags], project))


async def start_vite(
    start: Start, folder: Path, words: Sequence[str] = (), env: Mapping[str, str | None] | None = None
) -> Program:
    """Vite's own program, without npm between, on a free port."""
    return await start(["node", VITE, *words, "--port", "0"], folder, env or {})


NEVER_LOCKED = "--bypass-lock"
"""An option of Vite 8.4, which refuses a second dev server of one folder. It takes one that was killed for one that
runs until somebody has waited for its process, which nobody does for the child of a terminal; and in a test two laptops
share a folder."""


async def start_demo(start: Start, env: Mapping[str, str | None] | None = None, words: Sequence[str] = ()) -> Site:
    """The demo app, which starts the sidecar by itself. `words` are Vite's."""
    vite = await start_vite(start, FRONTEND, ["demo", NEVER_LOCKED, *words], env)
    return Site(await url_in(vite), vite, await sidecar_in(vite))


def write_project(folder: Path, config: str) -> Path:
    """An app of one page, with this vite.config.js and a secret in its .env."""
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{ "type": "module" }')
    (folder / "index.html").write_text("<!doctype html><title>app</title>")
    (folder / ".env").write_text("SECRET=in-the-env-file\n")
    (folder / "vite.config.js").write_text(config)
    return folder
