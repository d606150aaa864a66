"""Starts sidecars, and Vite dev servers in front of them."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from signaling_sidecar.admin_request import ask_admin
from signaling_sidecar.eventlog.segment_text import whole_lines
from signaling_sidecar.eventlog.segments import find_segments
from signaling_sidecar.eventlog.state_dir import read_runtime
from tests.kit.checkout import FRONTEND
from tests.kit.programs import Program, Start

PLUGIN = FRONTEND / "dist" / "plugin" / "index.mjs"
VITE = FRONTEND / "node_modules" / "vite" / "bin" / "vite.js"
LISTENS = r"signaling sidecar \S+ on (?P<url>http\S+), event log in (?P<state_dir>.+)$"


@dataclass(eq=False)
class Sidecar:
    """A running sidecar that a test or Vite has started."""

    url: str
    state_dir: Path
    pid: int
    program: Program
    """The program that prints the sidecar's lines: the sidecar itself, or the Vite server that has started it."""

    def records(self) -> list[dict[str, Any]]:
        """All records in its state folder, including those of earlier runs."""
        segments = find_segments(self.state_dir).segments
        return [json.loads(line) for segment in segments for line in whole_lines(segment).splitlines()]


@dataclass
class Site:
    """A running Vite dev server, and the sidecar behind it."""

    url: str
    """The URL of the page. It ends with a slash."""
    vite: Program
    sidecar: Sidecar


async def sidecar_in(program: Program, nth: int = 1) -> Sidecar:
    """Wait until this program has printed the ready line of a sidecar for the `nth` time, and return that sidecar."""
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
    """Start `sidecar serve` on a free port."""
    return await sidecar_in(await start([*words, "serve", "--port", "0", *flags], project))


async def start_vite(
    start: Start, folder: Path, words: Sequence[str] = (), env: Mapping[str, str | None] | None = None
) -> Program:
    """Start Vite without npm, on a free port."""
    return await start(["node", VITE, *words, "--port", "0"], folder, env or {})


NEVER_LOCKED = "--bypass-lock"
"""An option of Vite 8.4. Without it, Vite refuses to start a second dev server in a folder, which tests with two
laptops need. Vite would also treat a killed dev server as running until its parent has waited for it."""


DEMO = FRONTEND / "demo"


@contextmanager
def copied_demo() -> Iterator[Path]:
    """A copy of the demo app, in which a test can save files.

    Saving a file of the original would reload the pages of other tests that run at the same time.

    The copy is in the folder of the npm package, because the demo app imports the package by its name.
    """
    ignored_by_git = FRONTEND / ".cache"
    ignored_by_git.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="demo-", dir=ignored_by_git) as folder:
        yield Path(shutil.copytree(DEMO, Path(folder) / "demo"))


async def start_demo(
    start: Start, env: Mapping[str, str | None] | None = None, words: Sequence[str] = (), folder: Path = DEMO
) -> Site:
    """Start the demo app, whose plugin starts the sidecar. `words` are arguments for Vite."""
    vite = await start_vite(start, FRONTEND, [str(folder), NEVER_LOCKED, *words], env)
    return Site(await url_in(vite), vite, await sidecar_in(vite))


def write_project(folder: Path, config: str) -> Path:
    """Create an app with one page, this vite.config.js, and a secret in its .env."""
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{ "type": "module" }')
    (folder / "index.html").write_text("<!doctype html><title>app</title>")
    (folder / ".env").write_text("SECRET=in-the-env-file\n")
    (folder / "vite.config.js").write_text(config)
    return folder


async def start_app(start: Start, folder: Path, script: str, title: str = "", **options: object) -> Site:
    """Write an app with `write_app`, start Vite there, and wait for the sidecar that the plugin starts."""
    vite = await start_vite(start, write_app(folder, script, title, **options))
    return Site(await url_in(vite), vite, await sidecar_in(vite))


def write_app(folder: Path, script: str, title: str = "", **options: object) -> Path:
    """Create an app with one script, which may import the packages in `frontend-proxy/node_modules`.

    `CLIENT` in the script is replaced by the URL of the browser client. `options` are those of the plugin.
    """
    written = json.dumps({"trace": True, **options})
    # Vite must serve the client, which is outside of the project folder, and must not use the cache of other Vite
    # servers, which share `node_modules`.
    served = "server: { fs: { strict: false } }, cacheDir: '.vite'"
    config = f"import signaling from '{PLUGIN}'\nexport default {{ plugins: [signaling({written})], {served} }}\n"
    project = write_project(folder / "app", config)
    (project / "node_modules").symlink_to(FRONTEND / "node_modules")
    head = f"<title>{title}</title>" if title else ""
    (project / "index.html").write_text(f"<!doctype html>{head}<body><script type='module' src='/main.js'></script>")
    (project / "main.js").write_text(script.replace("CLIENT", f"/@fs{FRONTEND}/dist/browser/index.mjs"))
    return project


def close_all_rooms(sidecar: Sidecar) -> None:
    runtime = read_runtime(sidecar.state_dir)
    assert runtime is not None
    for room in ask_admin(runtime.url, runtime.admin_token, "GET", "rooms")["rooms"]:
        path = f"rooms/{room['dialect']}/{quote(room['room'], safe='')}/close"
        ask_admin(runtime.url, runtime.admin_token, "POST", path, {})
