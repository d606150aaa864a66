"""Find the state folder that a command should use. Every command and notebook must find it with this module.

1. If a state folder is named explicitly, it is used. The folder that the caller passes takes precedence over the
   environment variable `SIDECAR_STATE_DIR`.
2. Otherwise a project's state folder is used. The project is the current folder, or else the nearest folder above it,
   that has a state folder. The search ends at the root of the repository, the workspace or the npm package. A project's
   state folder is the one that its `sidecar.toml` sets. Without this setting, it is the folder that a flag or the Vite
   plugin's option `stateDir` has set for the last start, which has saved it in `state-dir.json`. Without a saved
   folder, it is the default one.
3. Among these projects, one whose sidecar is running takes precedence over a nearer one whose sidecar has ended,
   because the Vite plugin would use the running sidecar too.
4. It is an error if the folder contains the state of another project, or if the configured folder does not exist. No
   other folder is used instead.
5. If none of these sidecars is running, the message names the projects in subfolders whose sidecar is running. None of
   them is chosen automatically, because there may be several.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from signaling_sidecar.errors import NoHome, NoStateDir, StateDirGone, StateDirOfAnother
from signaling_sidecar.eventlog.boot_ids import boot_of
from signaling_sidecar.eventlog.expanded_path import expanded
from signaling_sidecar.eventlog.records import beginning_of
from signaling_sidecar.eventlog.state_dir import (
    POINTER_FILE,
    TESTS_FILE,
    is_running,
    pointed_to,
    project_state_dir,
    read_runtime,
    state_root,
    used,
)
from signaling_sidecar.settings import FILE_NAME, Sources

_WORKSPACES = (
    "pnpm-workspace.yaml",
    "lerna.json",
)  # the files that Vite's `searchForWorkspaceRoot` looks for, besides a package.json with `workspaces`

MAX_NAMED = 5  # how many projects in subfolders a message names; a home folder may contain hundreds


class Found(NamedTuple):
    """A state folder, and how it was found."""

    path: Path
    how: str
    """How it was found, in words that follow the path in a message. Empty if the caller passed the folder."""
    project: str | None = None
    """The project whose state the folder must contain. None for a folder that was named explicitly, and for a default
    state folder, because their project is not checked."""


def find_state_dir(explicit: Path | None = None, project: Path | None = None) -> Found:
    """Find the state folder of `project`, by default of the current folder. `explicit` is a folder to use instead.

    Raises NoStateDir, StateDirGone, StateDirUnusable and StateDirOfAnother, and SettingsError for a setting that
    cannot be read.
    """
    if explicit is not None:
        return _checked(Found(expanded(explicit), ""))
    # No `sidecar.toml` is read here, because the project whose file applies is not known yet.
    environment = Sources({}, os.environ, Path(os.devnull))
    named = environment.configured("state_dir")
    if named is not None:
        return _checked(Found(named.value, f"configured by {named.source}"))
    configured = environment.configured("project")
    start = project or (configured.value if configured is not None else Path.cwd())
    start = Path(os.path.realpath(expanded(start)))  # Path.resolve would raise RuntimeError for a loop of links
    if not os.path.isdir(start):
        raise NoStateDir(str(start))
    found = _checked(_nearest(start))
    below = "" if is_running(found.path) else _running_below(start)
    return found._replace(how=f"{found.how}, whose sidecar is not running, but {below}") if below else found


def _nearest(start: Path) -> Found:
    folders = [start, *start.parents]
    top = _top(folders)
    for folder in folders[: (top or 0) + 1]:
        running = next((found for found in _states_of(folder) if is_running(found.path)), None)
        if running is not None:
            return running
    # Without a repository, workspace or package, every folder above `start` may be the project.
    for folder in folders if top is None else folders[: top + 1]:
        found = next(_states_of(folder), None)
        if found is not None:
            return found
    raise NoStateDir(str(start), _running_below(start) or _ended_below(start))


def _running_below(start: Path) -> str:
    return _clause(start, "a sidecar runs in", filter(is_running, _all_states()))


def _ended_below(start: Path) -> str:
    return _clause(start, "a sidecar has run in", _all_states())


def _all_states() -> Iterator[Path]:
    """Yield the state folders of all projects of this user. If a project's state is elsewhere, a file in its default
    state folder contains the path."""
    with suppress(OSError, NoHome):
        for own in state_root().iterdir():
            pointer = pointed_to(own)
            yield own if pointer is None else Path(pointer.state_dir)


def _clause(start: Path, predicate: str, states: Iterable[Path]) -> str:
    """Return a clause that names the projects in subfolders of `start` to which these state folders belong, and says
    how to choose one. The clause is empty if there is no such project."""
    projects = {Path(project) for project in map(_project_in, states) if project is not None}
    inner = sorted(each for each in projects if start in each.parents and os.path.isdir(each))
    if not inner:
        return ""
    here = Path.cwd()
    texts = [str(each.relative_to(here) if here in each.parents else each) for each in inner]
    paths = [shlex.quote(text) if text.isprintable() else repr(text) for text in texts]
    more = [f"{len(paths) - MAX_NAMED} other folders"] if len(paths) > MAX_NAMED else []
    *others, last = [*paths[:MAX_NAMED], *more]
    return f"{predicate} {', '.join(others)}{' and ' if others else ''}{last} (--project {paths[0]})"


def _states_of(folder: Path) -> Iterator[Found]:
    """Yield the state folders that the project in this folder may have, in the order of their precedence."""
    file = folder / FILE_NAME
    settings = Sources({}, {}, file) if os.path.exists(file) else None
    named = settings.configured("project") if settings is not None else None
    project = str(folder if named is None else named.value)
    configured = settings.configured("state_dir") if settings is not None else None
    if configured is not None:
        yield Found(configured.value, f"configured by {configured.source}", project)
    try:
        own = project_state_dir(Path(project))
    except NoHome:
        if configured is None:
            raise
        return
    pointer = pointed_to(own)
    if pointer is not None and pointer.project == project:
        yield Found(Path(pointer.state_dir), f"used by the last start of the project {project!r}", project)
    if _has_state(own):
        yield Found(own, f"the state folder of the project {project!r}")


def _has_state(own: Path) -> bool:
    try:
        # These two files name other folders, and can be in a folder that no sidecar has used.
        return any(name not in (POINTER_FILE, TESTS_FILE) for name in os.listdir(own))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # the folder exists, but cannot be read, for example because it belongs to root
        return True


def _checked(found: Found) -> Found:
    if not os.path.isdir(found.path):
        raise StateDirGone(str(found.path), found.how)
    with used(found.path):
        os.listdir(found.path)  # raises if the folder may not be read, whereas `glob` would find no files
    project = _project_in(found.path) if found.project is not None else None
    if project is not None and project != found.project:
        raise StateDirOfAnother(str(found.path), found.how, project)
    return found


def _project_in(folder: Path) -> str | None:
    """Return the project of the sidecar that is using a state folder, or of the sidecar that used it last."""
    runtime = read_runtime(folder)
    if runtime is not None and is_running(folder):
        return runtime.project
    newest = max(filter(boot_of, folder.glob("events-*")), default=None)
    return beginning_of(newest).project if newest is not None else None


def _top(folders: list[Path]) -> int | None:
    """Return the index of the folder at which the search ends: the root of the repository, or else of the workspace, or
    else of the npm package.

    The Vite plugin uses the same order. Returns None if no folder is such a root.
    """
    repository = (index for index, folder in enumerate(folders) if os.path.exists(folder / ".git"))
    workspace = (index for index, folder in enumerate(folders) if _is_workspace(folder))
    package = (index for index, folder in enumerate(folders) if os.path.exists(folder / "package.json"))
    return next(repository, next(workspace, next(package, None)))


def _is_workspace(folder: Path) -> bool:
    if any(os.path.exists(folder / name) for name in _WORKSPACES):
        return True
    try:
        package = json.loads((folder / "package.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(package, dict) and "workspaces" in package
