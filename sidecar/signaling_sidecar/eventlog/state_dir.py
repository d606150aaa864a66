"""Where a project's state lives: outside every folder that Vite serves or watches, and private.

Vite hands every file under its root to anybody on the LAN, and its watcher fires at every line of a log there.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import platformdirs

from signaling_sidecar import site
from signaling_sidecar.errors import NOT_JSON, NoHome, StateDirTaken, StateDirUnusable

APP_NAME = "signaling-sidecar"
RUNTIME_FILE = "runtime.json"
LOCK_FILE = "lock"
POINTER_FILE = "state-dir.json"
KEY_FILE = "key"
KEY_BYTES = 32  # as many as SHA-256 gives; more would add nothing
HASH_CHARS = 8  # hex digits of the path's SHA-256: tells apart projects of the same name


class Runtime(msgspec.Struct, frozen=True):
    """What `runtime.json` holds while a sidecar runs."""

    url: str
    pid: int
    boot: str
    version: str
    project: str
    admin_token: str
    """Of the admin API, for this run."""


class Pointer(msgspec.Struct, frozen=True):
    """What `state-dir.json` in a project's own state folder holds while its state is kept elsewhere."""

    state_dir: str
    project: str


def state_root() -> Path:
    """The folder of all projects' state folders. Raises NoHome."""
    try:
        root = Path(platformdirs.user_state_dir(APP_NAME))
    except RuntimeError:  # a container's user is often only a number
        raise NoHome from None
    if not root.is_absolute():  # an older platformdirs leaves a `~` that stands for nothing
        raise NoHome
    return root


def project_state_dir(project: Path) -> Path:
    """The state folder of a project, which need not exist. Raises NoHome."""
    resolved = project.resolve()
    digest = hashlib.sha256(os.fsencode(resolved)).hexdigest()
    return state_root() / f"{resolved.name or 'root'}-{digest[:HASH_CHARS]}"


def is_running(path: Path) -> bool:
    """Whether a sidecar runs with this state folder, as far as can be told without asking it."""
    runtime = read_runtime(path)
    return runtime is not None and site.is_running(runtime.pid)


def point_to(path: Path, project: Path) -> None:
    """Leave word in the project's own state folder where its state is kept this time: only this start may know.

    Nothing is left where no file can be made: that is a reason to keep the state elsewhere.
    """
    with suppress(OSError, NoHome):
        own = project_state_dir(project)
        if path.resolve() == own.resolve():
            (own / POINTER_FILE).unlink(missing_ok=True)
        else:
            create(own)
            _write_private(own / POINTER_FILE, msgspec.json.encode(Pointer(str(path), str(project))))


def pointed_to(own: Path) -> Pointer | None:
    """Where the last start kept the state that belongs into `own`, if that was elsewhere."""
    try:
        return msgspec.json.decode((own / POINTER_FILE).read_bytes(), type=Pointer)
    except (OSError, *NOT_JSON):
        return None


@contextmanager
def used(path: Path) -> Iterator[None]:
    """Turn what the file system refuses within into one sentence that names the setting: StateDirUnusable."""
    try:
        yield
    except OSError as error:
        raise StateDirUnusable(str(path), error.strerror or str(error)) from None


def create(path: Path) -> None:
    """Make the folder, for its owner only. One that exists is made private too."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)


def lock(path: Path) -> int:
    """Take the folder for this process until it ends, however it ends. Raises StateDirTaken.

    Returns the descriptor that holds the lock: closing it gives the folder back.
    """
    descriptor = os.open(path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise StateDirTaken(str(path)) from None
    return descriptor


def is_held(path: Path, descriptor: int) -> bool:
    """Whether what `lock` gave is still the lock of this folder: the folder, or the file, may be another one now."""
    try:
        return os.path.samestat(os.fstat(descriptor), (path / LOCK_FILE).lstat())
    except OSError:
        return False


def key(path: Path) -> bytes:
    """The secret with which the log names secrets, made at the first use. It outlives the sidecar, as the log does."""
    file = path / KEY_FILE
    if not file.exists():
        keep_key(path, secrets.token_bytes(KEY_BYTES))
    return file.read_bytes()


def keep_key(path: Path, secret: bytes) -> None:
    _write_private(path / KEY_FILE, secret)


def write_runtime(path: Path, runtime: Runtime) -> None:
    """Write `runtime.json`."""
    _write_private(path / RUNTIME_FILE, msgspec.json.encode(runtime))


def read_runtime(path: Path) -> Runtime | None:
    """What runs with this state folder; None when nothing does, or left its file behind unreadable."""
    try:
        return msgspec.json.decode((path / RUNTIME_FILE).read_bytes(), type=Runtime)
    except (OSError, *NOT_JSON):
        return None


def remove_runtime(path: Path) -> None:
    """One that cannot be removed misleads nobody: its boot does not answer."""
    with suppress(OSError):
        (path / RUNTIME_FILE).unlink()


def _write_private(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: a reader never sees half of it."""
    temporary = path.with_name(f"{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)
