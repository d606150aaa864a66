"""The hooks file: a Python module of its user's, which is swapped in the running process whenever it is saved."""

from __future__ import annotations

import itertools
import linecache
import logging
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from signaling_sidecar.errors import HooksUnreadable
from signaling_sidecar.reload.reload_extra import require_reload_extra

DEBOUNCE_MS = 30  # after the last of the changes that one save makes; an editor's are within a few ms
STEP_MS = 10  # between two looks for more changes

logger = logging.getLogger("signaling_sidecar")


class HooksFile:
    """The hooks as they were when the file was last saved whole.

    `load` raises HooksUnreadable for a file that cannot be imported, and then nothing has changed; and MissingExtra.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._numbers = itertools.count(1)
        self._module: ModuleType | None = None

    def load(self) -> None:
        require_reload_extra("--hooks")
        # Under a new name each time: what the old module's tasks still use stays as it was.
        name = f"signaling_hooks_{next(self._numbers)}"
        module = ModuleType(name)
        module.__file__ = str(self._path)
        linecache.checkcache(str(self._path))  # a traceback shows the lines of this version
        try:
            # Not an import: its bytecode cache takes two saves of one second and one size for the same.
            exec(compile(self._path.read_text("utf-8"), self._path, "exec"), module.__dict__)  # noqa: S102
        except Exception as error:  # whatever a user's module raises when it is imported
            raise HooksUnreadable(str(self._path)) from error
        self._module = module

    def hook(self, name: str) -> Callable[..., Any] | None:
        found = getattr(self._module, name, None)
        return found if callable(found) else None

    async def watch(self, swapped: Callable[[bool], None]) -> None:
        """Load the file whenever it is saved, until cancelled; `swapped` is told whether the new one is in use."""
        from watchfiles import awatch  # only who has hooks waits for this import

        changes = awatch(
            self._path.parent,
            watch_filter=lambda _, path: Path(path) == self._path,
            debounce=DEBOUNCE_MS,
            step=STEP_MS,
            recursive=False,
        )
        async for _ in changes:
            if self._path.exists():  # some editors move the new file to where the old one was
                swapped(self._load_or_keep())

    def _load_or_keep(self) -> bool:
        try:
            self.load()
        except HooksUnreadable as error:
            logger.error("%s; the hooks from before go on", error, exc_info=error.__cause__)
            return False
        logger.info("hooks of %s are in use", self._path)
        return True
