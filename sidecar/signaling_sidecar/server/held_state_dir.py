"""The state folder of this run, which no other sidecar may use at the same time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from signaling_sidecar.eventlog import state_dir
from signaling_sidecar.eventlog.state_dir import Runtime


class HeldStateDir:
    """Constructing it does nothing. Everything in the folder may be deleted while we run, and `claim` puts it back."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.key: bytes
        """The secret key with which the log names secrets. Known while the folder is held."""
        self._lock: int
        """The file descriptor that holds the folder's lock."""
        self._runtime: Runtime | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder's lock. Raises StateDirTaken when another sidecar has it, and StateDirUnusable."""
        with state_dir.used(self.path):
            state_dir.create(self.path)
            self._lock = state_dir.lock(self.path)
        try:
            with state_dir.used(self.path):
                self.key = state_dir.key(self.path)
            yield
        finally:
            os.close(self._lock)

    def claim(self) -> None:
        """Hold the folder again, and write the files that belong into it, if it has been deleted or replaced.

        Raises OSError, and StateDirTaken when another sidecar was faster.
        """
        state_dir.create(self.path)  # before the look at the lock, which cannot be seen in a folder without permissions
        if state_dir.is_held(self.path, self._lock):
            return
        lock = state_dir.lock(self.path)
        os.close(self._lock)
        self._lock = lock
        state_dir.keep_key(self.path, self.key)
        if self._runtime is not None:
            state_dir.write_runtime(self.path, self._runtime)

    def write_runtime(self, runtime: Runtime) -> None:
        """Tell other programs where this sidecar listens. Raises StateDirUnusable."""
        with state_dir.used(self.path):
            state_dir.write_runtime(self.path, runtime)
        self._runtime = runtime
