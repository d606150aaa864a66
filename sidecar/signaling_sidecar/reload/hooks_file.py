"""The user's hooks file: a Python module that is loaded again, in the running process, whenever it is saved."""

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
_numbers = itertools.count(1)  # of all hooks files of this process, which may be several sidecars in a test


class HooksFile:
    """The hooks of the last version of the file that could be loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._module: ModuleType | None = None

    def load(self) -> None:
        """Load the file as it is now.

        Raises MissingExtra, and HooksUnreadable, after which the previous hooks stay in use.
        """
        require_reload_extra("--hooks")
        # Each version has a module name of its own, so that tasks of the old one keep what they use.
        name = f"signaling_hooks_{next(_numbers)}"
        module = ModuleType(name)
        module.__file__ = str(self.path)
        linecache.checkcache(str(self.path))  # lets a traceback show the lines of this version
        sys.modules[name] = module  # dataclasses look up the module here in which they are defined
        try:
            # The file is not imported with `import`, whose cache treats two versions as equal if they were saved within
            # one second and have the same size.
            exec(compile(self.path.read_bytes(), self.path, "exec"), module.__dict__)  # noqa: S102
        except BaseException as error:  # a user's module may raise anything
            del sys.modules[name]
            raise HooksUnreadable(str(self.path)) from error
        if self._module is not None:
            del sys.modules[self._module.__name__]
        self._module = module

    def hook(self, name: str) -> Callable[..., Any] | None:
        found = vars(self._module).get(name) if self._module is not None else None
        return found if callable(found) else None

    async def watch(self, load: Callable[[], Awaitable[None]], swapped: Callable[[bool], Awaitable[None]]) -> None:
        """Load the file whenever it is saved, until the task is cancelled.

        The given `load` must call the method `load` in the thread in which hooks run. `swapped` is called afterwards
        with True if the new version is in use.
        """
        async for _ in saves(self.path):
            await swapped(await self._load_or_keep(load))

    async def _load_or_keep(self, load: Callable[[], Awaitable[None]]) -> bool:
        try:
            await load()
        except HooksUnreadable as error:
            logger.error(
                "%s; the previous hooks stay in use", error, exc_info=error.__cause__, extra={"code": error.code}
            )
            return False
        logger.info("the hooks of %s are in use", self.path, extra={"code": "hooks-used"})
        return True
