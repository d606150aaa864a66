"""Projects of frameworks' own scaffolding commands, in which our npm package is installed as users install it.

The versions of dependencies are those of the lock files in `locks/`. When a scaffolding command or our own dependencies
have changed, run `python -m tests.frameworks.write_locks`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.kit.packages import run
from tests.kit.programs import Start
from tests.kit.sites import Site, sidecar_in, url_in

HERE = Path(__file__).parent
LOCKS = HERE / "locks"
OURS = "vite-plugin-signaling-sidecar"
CHECKS_WITHIN_S = 120  # seconds; two busy cores may run a type checker or a build
# `npm ci` is not used, because it refuses a lock file that lacks an entry for an optional package.
INSTALL = ["npm", "install", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"]


@dataclass(frozen=True)
class Tools:
    """The tools with which projects are created."""

    scaffolders: Path
    """The `node_modules` folder with the scaffolding commands, which are the dependencies in `package.json`."""
    tarball: Path
    """The tarball of our npm package, as it would be published."""
    registry: str
    """The URL of the package registry that npm uses on this machine. It ends with a slash."""


@dataclass(frozen=True)
class Project:
    folder: Path

    def read(self, path: str) -> str:
        return (self.folder / path).read_text()

    def write(self, path: str, text: str) -> None:
        """Write a file atomically. If the file was empty for a moment, Vite might read it then, and miss the change."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        whole = self.folder.parent / f"{file.name}.new"  # a file outside of the folder that Vite watches
        whole.write_text(text)
        whole.replace(file)

    def replace(self, path: str, old: str, new: str) -> None:
        """Replace a text in a file once, as an editor would."""
        text = self.read(path)
        assert old in text, f"{path} has no {old!r}"
        self.write(path, text.replace(old, new, 1))

    def program(self, name: str, *words: str | Path) -> list[str | Path]:
        """The command line that runs a program of the project's `node_modules` without npm."""
        return ["node", (self.folder / "node_modules" / ".bin" / name).resolve(), *words]

    async def passes(self, start: Start, name: str, *words: str) -> None:
        """Run a program of the project, such as its type checker. It must end with exit code 0."""
        program = await start(self.program(name, *words), self.folder)
        assert await program.ended(within_s=CHECKS_WITHIN_S) == 0, "\n".join(program.lines)

    async def dev(self, start: Start) -> Site:
        """Start Vite, and wait for the sidecar that the plugin starts."""
        server = await start(self.program("vite", "--port", "0"), self.folder)
        return Site(await url_in(server), server, await sidecar_in(server))


def install_scaffolders(folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    run(INSTALL, folder)


def tools_with(scaffolders: Path, tarball: Path) -> Tools:
    registry = run(["npm", "config", "get", "registry"], scaffolders).strip().rstrip("/") + "/"
    return Tools(scaffolders / "node_modules", tarball, registry)


def create_vite(template: str, tools: Tools, parent: Path) -> Project:
    """Create a project like `npm create vite`, and add our package to its dependencies. Nothing is installed yet."""
    folder = parent / template
    words = ["node", tools.scaffolders / "create-vite" / "index.js", template, "--template", template]
    run([*words, "--no-interactive"], parent)
    return with_our_package(folder, tools)


def with_our_package(folder: Path, tools: Tools) -> Project:
    """Add our package to the dependencies of the project in this folder."""
    shutil.copy(tools.tarball, folder / f"{OURS}.tgz")
    package = json.loads((folder / "package.json").read_text())
    package.setdefault("devDependencies", {})[OURS] = f"file:{OURS}.tgz"
    (folder / "package.json").write_text(json.dumps(package, indent=2))
    return Project(folder)


def install(project: Project, tools: Tools, name: str) -> None:
    """Install the dependencies, with the versions of the lock file with this name."""
    lock = json.loads((LOCKS / f"{name}.json").read_text())
    _add_urls(lock, tools.registry)
    project.write("package-lock.json", json.dumps(lock))
    run(INSTALL, project.folder)


def _add_urls(lock: dict[str, Any], registry: str) -> None:
    """Add the URL of each package's tarball, which our lock files lack because it depends on the registry.

    Without the URLs, npm would first read the list of each package's versions, and may use an old list in its cache.
    """
    for path, package in lock["packages"].items():
        name = package.get("name", path.rpartition("node_modules/")[2])
        if path.startswith("node_modules/") and name != OURS and not package.get("inBundle"):
            file = f"{name.rpartition('/')[2]}-{package['version']}.tgz"
            package["resolved"] = f"{registry}{name}/-/{file}"


CREATE_VITE = ("react-ts", "svelte-ts", "vanilla-ts", "vue-ts")
MAKE: dict[str, Callable[[Tools, Path], Project]] = {name: partial(create_vite, name) for name in CREATE_VITE}
"""Maps each name to a function that creates a project in a folder with this name. The lock file has the same name."""


def make(name: str, tools: Tools, parent: Path) -> Project:
    """Create the project with this name, and install its dependencies."""
    project = MAKE[name](tools, parent)
    install(project, tools, name)
    return project
