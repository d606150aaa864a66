"""Which state folder is meant: found here, and nowhere else, for everything that reads one.

1. One that is named is taken: by the caller, else by `SIDECAR_STATE_DIR`.
2. Else it is that of the project in the current folder, or in the nearest one above it, up to where the repository, the
   workspace or the npm package ends. A project's state is where its `sidecar.toml` says; else where its last start kept
   it (by a flag, or by the Vite plugin's `stateDir`), which that start has left word of; else in the project's own
   state folder.
3. A sidecar that runs goes before one that has ended, also one for the repository around this project: the Vite plugin
   uses that one too.
4. The state of another project is never taken, nor is an older one where the right one is gone: that is an error.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from signaling_sidecar.errors import NoHome, NoStateDir, StateDirGone, StateDirOfAnother
from signaling_sidecar.eventlog.boot_ids import boot_of
from signaling_sidecar.eventlog.records import beginning_of
from signaling_sidecar.eventlog.state_dir import (
    POINTER_FILE,
    is_running,
    pointed_to,
    project_state_dir,
    read_runtime,
    used,
)
from signaling_sidecar.settings import FILE_NAME, Sources

_WORKSPACES = ("pnpm-workspace.yaml", "lerna.json")  # what Vite's `searchForWorkspaceRoot` looks for, with package.json


class Found(NamedTuple):
    """A state folder, and how it was found."""

    path: Path
    how: str
    """Half a sentence; empty: the caller has named it."""
    project: str | None = None
    """The project whose state it should be; None: it was asked for, or cannot be another one's."""


def find_state_dir(asked: Path | None = None, project: Path | None = None) -> Found:
    """Find the state folder of `project`, by default of the current folder, unless one is `asked` for.

    Raises NoStateDir, StateDirGone, StateDirUnusable and StateDirOfAnother, and SettingsError for a setting that
    cannot be read.
    """
    if asked is not None:
        return _there(Found(asked.expanduser(), ""))
    # Which settings file is meant is known only with the project.
    environment = Sources({}, os.environ, Path(os.devnull))
    named = environment.configured("state_dir")
    if named is not None:
        return _there(Found(named.value, f"as {named.source} says"))
    said = environment.configured("project")
    start = project or (said.value if said is not None else Path.cwd())
    start = start.expanduser().resolve()
    if not os.path.isdir(start):
        raise NoStateDir(str(start))
    return _there(_nearest(start))


def _nearest(start: Path) -> Found:
    folders = [start, *start.parents]
    top = _top(folders)
    for folder in folders[: (top or 0) + 1]:
        running = next((found for found in _states_of(folder) if is_running(found.path)), None)
        if running is not None:
            return running
    # Without any of these around it nobody knows where the project ends.
    for folder in folders if top is None else folders[: top + 1]:
        found = next(_states_of(folder), None)
        if found is not None:
            return found
    raise NoStateDir(str(start))


def _states_of(folder: Path) -> Iterator[Found]:
    """The places where the state of the project in this folder may be, the likeliest first."""
    file = folder / FILE_NAME
    settings = Sources({}, {}, file) if os.path.exists(file) else None
    named = settings.configured("project") if settings is not None else None
    project = str(folder if named is None else named.value)
    said = settings.configured("state_dir") if settings is not None else None
    if said is not None:
        yield Found(said.value, f"as {said.source} says", project)
    try:
        own = project_state_dir(Path(project))
    except NoHome:
        if said is None:
            raise
        return
    pointer = pointed_to(own)
    if pointer is not None and pointer.project == project:
        yield Found(Path(pointer.state_dir), f"where the project {project!r} was last started with it", project)
    if _has_state(own):
        yield Found(own, f"the state of the project {project!r}")


def _has_state(own: Path) -> bool:
    try:
        return any(name != POINTER_FILE for name in os.listdir(own))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # it is somebody else's, such as root's, and there
        return True


def _there(found: Found) -> Found:
    if not os.path.isdir(found.path):
        raise StateDirGone(str(found.path), found.how)
    with used(found.path):
        os.listdir(found.path)  # `glob` would find nothing in a folder that may not be read, such as root's
    project = _project_in(found.path) if found.project is not None else None
    if project is not None and project != found.project:
        raise StateDirOfAnother(str(found.path), found.how, project)
    return found


def _project_in(folder: Path) -> str | None:
    """The project whose sidecar runs with a state folder, or was the last that did."""
    runtime = read_runtime(folder)
    if runtime is not None and is_running(folder):
        return runtime.project
    newest = max(filter(boot_of, folder.glob("events-*")), default=None)
    return beginning_of(newest).project if newest is not None else None


def _top(folders: list[Path]) -> int | None:
    """Where the repository ends, else the workspace, as for the Vite plugin; else the npm package; None: nowhere."""
    repository = (place for place, folder in enumerate(folders) if os.path.exists(folder / ".git"))
    workspace = (place for place, folder in enumerate(folders) if _is_workspace(folder))
    package = (place for place, folder in enumerate(folders) if os.path.exists(folder / "package.json"))
    return next(repository, next(workspace, next(package, None)))


def _is_workspace(folder: Path) -> bool:
    if any(os.path.exists(folder / name) for name in _WORKSPACES):
        return True
    try:
        package = json.loads((folder / "package.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(package, dict) and "workspaces" in package
