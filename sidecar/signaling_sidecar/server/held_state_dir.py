"""Keeps the state folder of this run locked, so that no other sidecar uses it at the same time."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from signaling_sidecar.errors import StateDirTaken
from signaling_sidecar.eventlog import state_dir
from signaling_sidecar.eventlog.state_dir import Runtime

logger = logging.getLogger("signaling_sidecar")


class HeldStateDir:
    """Locks the state folder, and restores its files if they are deleted while the sidecar is running."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.key: bytes
        """The key for the keyed hashes in the log. It is only set while the folder is locked."""
        self._lock: int
        """The file descriptor that holds the folder's lock."""
        self._runtime: Runtime | None = None
        self._revoked: bytes | None = None
        self._real_path: Path
        """The path of the folder, with symbolic links resolved, when it was locked for the first time."""
        self._is_reported = False
        """Whether it was logged that the folder cannot be claimed."""

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lock the folder until the block ends. Raises StateDirTaken if another sidecar has locked it, and
        StateDirUnusable if it cannot be used."""
        with state_dir.used(self.path):
            state_dir.create(self.path)
            self._lock = state_dir.lock(self.path)
            self._real_path = self.path.resolve()
        try:
            with state_dir.used(self.path):
                self.key = state_dir.key(self.path)
            yield
        finally:
            os.close(self._lock)

    def claim(self) -> None:
        """Lock the folder again and restore its files, if any of them was deleted or replaced.

        Raises OSError, and StateDirTaken if another sidecar has locked the folder in the meantime.
        """
        if self.path.resolve() != self._real_path:
            raise OSError(errno.ELOOP, "the folder has been replaced by a symbolic link", str(self.path))
        state_dir.create(self.path)  # also makes the folder readable, so that the lock file can be checked
        is_another = not state_dir.is_held(self.path, self._lock)
        if is_another:
            lock = state_dir.lock(self.path)
            os.close(self._lock)
            self._lock = lock
        if is_another or not (self.path / state_dir.KEY_FILE).exists():
            state_dir.keep_key(self.path, self.key)
        if self._revoked is not None and not (self.path / state_dir.REVOKED_FILE).exists():
            state_dir.write_revoked(self.path, self._revoked)
        if self._runtime is not None and (is_another or not (self.path / state_dir.RUNTIME_FILE).exists()):
            state_dir.write_runtime(self.path, self._runtime)

    def look_after(self) -> None:
        """Call `claim`, and log once if it fails. This should be called twice a second."""
        try:
            self.claim()
        except (OSError, StateDirTaken) as error:
            if not self._is_reported:
                logger.warning(
                    "the state folder cannot be used any more (%s): commands do not find this sidecar",
                    error,
                    extra={"code": "state-folder"},
                )
            self._is_reported = True
        else:
            self._is_reported = False

    def read_revoked(self) -> bytes | None:
        """Return the list of revoked tokens, or None if there is none yet. Raises StateDirUnusable."""
        with state_dir.used(self.path):
            self._revoked = state_dir.read_revoked(self.path)
        return self._revoked

    def write_revoked(self, content: bytes) -> None:
        """Replace the list of revoked tokens. Raises StateDirUnusable."""
        self._revoked = content
        with state_dir.used(self.path):
            state_dir.write_revoked(self.path, content)

    def write_runtime(self, runtime: Runtime) -> None:
        """Write `runtime.json`, which tells other programs where this sidecar listens. Raises StateDirUnusable."""
        with state_dir.used(self.path):
            state_dir.write_runtime(self.path, runtime)
        self._runtime = runtime

    def remove_runtime(self) -> None:
        """Delete `runtime.json`, so that no program finds a sidecar that is about to stop. `claim` does not restore the
        file afterwards."""
        self._runtime = None
        state_dir.remove_runtime(self.path)
