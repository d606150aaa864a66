"""The hooks file: a Python module of its user's, which is swapped in the running process whenever it is saved."""

from __future__ import annotations

import itertools
import linecache
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from signaling_sidecar.errors import HooksUnreadable
from signaling_sidecar.reload.reload_extra import require_reload_extra
from signaling_sidecar.reload.saves import saves

logger = logging.getLogger("signaling_sidecar")


class HooksFile:
    """The hooks as they were when the file was last saved whole.

    `load` raises HooksUnreadable for a file that cannot be imported, and then nothing has changed; and MissingExtra.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._numbers = itertools.count(1)
        self._module: ModuleType | None = None

    def load(self) -> None:
        require_reload_extra("--hooks")
        # Under a new name each time: what the old module's tasks still use stays as it was.
        name = f"signaling_hooks_{next(self._numbers)}"
        module = ModuleType(name)
        module.__file__ = str(self.path)
        linecache.checkcache(str(self.path))  # a traceback shows the lines of this version
        sys.modules[name] = module  # dataclasses look themselves up there
        try:
            # Not an import: its bytecode cache takes two saves of one second and one size for the same.
            exec(compile(self.path.read_bytes(), self.path, "exec"), module.__dict__)  # noqa: S102
        except BaseException as error:  # whatever a user's module raises when it is imported
            del sys.modules[name]
            raise HooksUnreadable(str(self.path)) from error
        if self._module is not None:
            del sys.modules[self._module.__name__]
        self._module = module

    def hook(self, name: str) -> Callable[..., Any] | None:
        found = vars(self._module).get(name) if self._module is not None else None
        return found if callable(found) else None

    async def watch(self, load: Callable[[], Awaitable[None]], swapped: Callable[[bool], Awaitable[None]]) -> None:
        """Load the file whenever it is saved, until cancelled. `load` calls `load`, wherever hooks run;

        `swapped` is told whether the new one is in use.
        """
        async for _ in saves(self.path):
            await swapped(await self._load_or_keep(load))

    async def _load_or_keep(self, load: Callable[[], Awaitable[None]]) -> bool:
        try:
            await load()
        except HooksUnreadable as error:
            logger.error("%s; the hooks from before go on", error, exc_info=error.__cause__)
            return False
        logger.info("hooks of %s are in use", self.path)
        return True
