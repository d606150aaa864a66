"""The state folder of a project and its files. It is private, and outside every folder that Vite serves or watches.

Vite with the option `host` serves every file under its root to other machines on the LAN, and Vite's watcher reacts to
every change of a watched file, such as a line that is appended to the log.
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
from signaling_sidecar.errors import NOT_JSON, NoHome, NotRunning, StateDirTaken, StateDirUnusable
from signaling_sidecar.eventlog.open_flags import BYTES, NO_LINK, PRIVATE

APP_NAME = "signaling-sidecar"
RUNTIME_FILE = "runtime.json"
LOCK_FILE = "lock"
POINTER_FILE = "state-dir.json"
TESTS_FILE = "test-sidecar.json"  # names the sidecar for tests that the Vite plugin has started with `test: true`
KEY_FILE = "key"
REVOKED_FILE = "revoked.json"
KEY_BYTES = 32  # the output size of SHA-256; a longer key would not be more secure
HASH_CHARS = 8  # hex digits of the path's SHA-256, which distinguish projects with the same name


class Runtime(msgspec.Struct, frozen=True):
    """The content of `runtime.json`, which exists while a sidecar is running."""

    url: str
    pid: int
    boot: str
    version: str
    project: str
    admin_token: str
    """The token for the admin API, which is valid for this run only."""
    hooks: str | None = None
    """The path of the hooks file. The Vite plugin warns if its own option names another file."""


class Pointer(msgspec.Struct, frozen=True):
    """The content of `state-dir.json` in the default state folder of a project, if its state is stored elsewhere."""

    state_dir: str
    project: str


def state_root() -> Path:
    """The folder that contains the default state folders of all projects. Raises NoHome."""
    try:
        root = Path(platformdirs.user_state_dir(APP_NAME))
    except RuntimeError:  # the user has no entry in the user database, which is common in containers
        raise NoHome from None
    if not root.is_absolute():  # older releases of platformdirs return an unexpanded `~` if there is no home folder
        raise NoHome
    return root


def project_state_dir(project: Path) -> Path:
    """The default state folder of a project, which may not exist yet. Raises NoHome."""
    resolved = project.resolve()
    digest = hashlib.sha256(os.fsencode(resolved)).hexdigest()
    return state_root() / f"{resolved.name or 'root'}-{digest[:HASH_CHARS]}"


def running(path: Path) -> Runtime:
    """Read `runtime.json`. Raises NotRunning if no sidecar has written this file."""
    runtime = read_runtime(path)
    if runtime is None:
        raise NotRunning(str(path))
    return runtime


def is_running(path: Path) -> bool:
    """Whether the process in `runtime.json` exists. This may be another process that has got the same id."""
    runtime = read_runtime(path)
    return runtime is not None and site.is_running(runtime.pid)


def point_to(path: Path, project: Path) -> None:
    """Write to the project's default state folder which state folder this start uses, so that commands find it.

    No error is raised if the default state folder is not writable, because another state folder may be configured for
    just this reason.
    """
    with suppress(OSError, NoHome):
        own = project_state_dir(project)
        if path.resolve() == own.resolve():
            (own / POINTER_FILE).unlink(missing_ok=True)
        else:
            create(own)
            _write_private(own / POINTER_FILE, msgspec.json.encode(Pointer(str(path), str(project))))


def pointed_to(own: Path) -> Pointer | None:
    """Read which state folder the last start used instead of the default one. Returns None if the last start used the
    default one."""
    try:
        return msgspec.json.decode((own / POINTER_FILE).read_bytes(), type=Pointer)
    except (OSError, *NOT_JSON):
        return None


@contextmanager
def used(path: Path) -> Iterator[None]:
    """Raise StateDirUnusable instead of an OSError in the body of the `with` statement."""
    try:
        yield
    except PermissionError as error:
        reason = error.strerror or str(error)
        raise StateDirUnusable(str(path), reason + _other_owner(Path(error.filename or path))) from None
    except OSError as error:
        raise StateDirUnusable(str(path), error.strerror or str(error)) from None


def _other_owner(path: Path) -> str:
    """Name the user to whom the file or folder belongs, or its nearest parent that exists, if this is another user.

    It belongs to root if the sidecar has been started with sudo before.
    """
    found = next(each for each in (path, *path.parents) if os.path.exists(each))
    # On Windows, there is no `owner`. In containers, the owner may have no entry in the user database.
    with suppress(NotImplementedError, KeyError, OSError):
        owner = found.owner()
        if found.stat().st_uid != os.geteuid():
            return f": {str(found)!r} belongs to the user {owner!r}"
    return ""


def create(path: Path) -> None:
    """Create the folder, and make it accessible to its owner only, even if it existed already."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)


def lock(path: Path) -> int:
    """Lock the folder for this process. Raises StateDirTaken if another process has locked the folder, and OSError if
    the folder cannot be locked at all.

    Returns a file descriptor. The lock is released when the descriptor is closed, or when the process ends in any way.
    """
    descriptor = os.open(path / LOCK_FILE, os.O_RDWR | os.O_CREAT | PRIVATE | NO_LINK, 0o600)
    try:
        _lock_file(descriptor)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError | PermissionError):  # Windows raises the second
            raise StateDirTaken(str(path)) from None
        raise
    return descriptor


def _lock_file(descriptor: int) -> None:
    """Raises OSError when another process has locked the file, or when the file system has no locks."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_held(path: Path, descriptor: int) -> bool:
    """Whether the descriptor returned by `lock` still belongs to the lock file that is in the folder now.

    This is false if the folder or the lock file was deleted or replaced.
    """
    try:
        return os.path.samestat(os.fstat(descriptor), (path / LOCK_FILE).lstat())
    except OSError:
        return False


def key(path: Path) -> bytes:
    """Return the key for keyed hashes (HMAC), such as those in the log. It is generated at the first use and saved."""
    file = path / KEY_FILE
    if not file.exists():
        keep_key(path, secrets.token_bytes(KEY_BYTES))
    return file.read_bytes()


def keep_key(path: Path, secret: bytes) -> None:
    _write_private(path / KEY_FILE, secret)


def write_runtime(path: Path, runtime: Runtime) -> None:
    """Write `runtime.json`, readable for its owner only."""
    _write_private(path / RUNTIME_FILE, msgspec.json.encode(runtime))


def read_runtime(path: Path) -> Runtime | None:
    """Read `runtime.json`. Returns None if the file does not exist or cannot be read. A killed sidecar leaves the file
    behind."""
    try:
        return msgspec.json.decode((path / RUNTIME_FILE).read_bytes(), type=Runtime)
    except (OSError, *NOT_JSON):
        return None


def remove_runtime(path: Path) -> None:
    """Delete `runtime.json` if possible. If the file remains, it does no harm: readers check whether a sidecar with the
    boot id in the file responds."""
    with suppress(OSError):
        (path / RUNTIME_FILE).unlink()


def read_revoked(path: Path) -> bytes | None:
    """Read the list of revoked tokens. Returns None if there is no such list."""
    file = path / REVOKED_FILE
    return file.read_bytes() if file.exists() else None


def write_revoked(path: Path, content: bytes) -> None:
    _write_private(path / REVOKED_FILE, content)


def _write_private(path: Path, content: bytes) -> None:
    """Write a file atomically and readable for its owner only, so that a reader never sees a part of it."""
    temporary = path.with_name(f"{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | NO_LINK | BYTES, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)
