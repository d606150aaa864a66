"""Load the user's hooks file, which is a Python module, and load it again in the same process when it is saved."""

from __future__ import annotations

import itertools
import linecache
import logging
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from difflib import get_close_matches
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec
from inspect import isfunction, signature
from pathlib import Path
from types import ModuleType
from typing import Any

from signaling_sidecar.errors import HooksUnreadable
from signaling_sidecar.reload.reload_extra import require_reload_extra
from signaling_sidecar.reload.saves import Version, saves, version

logger = logging.getLogger("signaling_sidecar")
HOOKS = ("admit", "room_rules", "on_join", "on_relay", "on_leave")
CLOSE = 0.85  # similarity from 0 to 1 above which a name is a misspelt hook; "admin" is less similar to "admit"
_numbers = itertools.count(1)  # for module names that are unique in this process, even if a test runs several sidecars


class HooksFile:
    """Holds the hooks from the last version of the file that could be loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._module: ModuleType | None = None
        self._read: Version | None = None

    def load(self) -> None:
        """Load the file as it is now.

        Raises MissingExtra if a dependency is not installed, and HooksUnreadable for a file that cannot be used. After
        an error, the previous hooks stay in use.
        """
        require_reload_extra("--hooks")
        module = self._new_module()
        self._read = version(self.path)
        try:
            # The file is not loaded with `import`, because the bytecode cache of `import` takes two versions for the
            # same if they were saved within one second and have the same size.
            exec(compile(self.path.read_bytes(), self.path, "exec"), module.__dict__)  # noqa: S102
            fault = _fault_of(module)
        except BaseException as error:  # a user's module may raise anything
            del sys.modules[module.__name__]
            raise HooksUnreadable(str(self.path)) from error
        if fault is not None:
            del sys.modules[module.__name__]
            raise HooksUnreadable(str(self.path), fault)
        _warn_of_misspelt_hooks(module)
        if self._module is not None:
            del sys.modules[self._module.__name__]
        self._module = module

    def _new_module(self) -> ModuleType:
        # Each version gets its own module, so that tasks that still run code of the old version keep its variables.
        name = f"signaling_hooks_{next(_numbers)}"
        # `linecache`, which reads the lines for a traceback, warns of a module without a loader since Python 3.15.
        loader = SourceFileLoader(name, str(self.path))
        module = module_from_spec(ModuleSpec(name, loader, origin=str(self.path)))
        module.__file__ = str(self.path)
        linecache.checkcache(str(self.path))  # so that a traceback shows the lines of this version
        sys.modules[name] = module  # `@dataclass` looks up the module of its class in `sys.modules`
        return module

    def hook(self, name: str) -> Callable[..., Any] | None:
        found = vars(self._module).get(name) if self._module is not None else None
        return found if callable(found) else None

    async def watch(self, load: Callable[[], Awaitable[None]], swapped: Callable[[bool], Awaitable[None]]) -> None:
        """Load the file whenever it is saved, until the task is cancelled.

        The argument `load` must call the method `load` in the thread in which hooks run. After each attempt, `swapped`
        is called with True if the new version is in use, and with False if it cannot be used.
        """
        async for _ in saves(self.path, self._read):
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


def _fault_of(module: ModuleType) -> str | None:
    """Return a sentence about the first hook that cannot be called with one argument, or None."""
    for name in HOOKS:
        try:
            with suppress(KeyError, ValueError):  # the hook is not defined, or is written in C
                # If the hook has a decorator, the parameters of the function that the decorator returns count.
                signature(vars(module)[name], follow_wrapped=False).bind(None)
        except TypeError:
            return f"{name} must be a function with one parameter"
    return None


def _warn_of_misspelt_hooks(module: ModuleType) -> None:
    for name, found in vars(module).items():
        is_own = isfunction(found) and found.__module__ == module.__name__ and name not in HOOKS
        is_public = not name.startswith("_")
        if is_own and is_public and (name.startswith("on_") or get_close_matches(name.lower(), HOOKS, 1, CLOSE)):
            logger.warning(
                "the sidecar never calls the function %s of %s, because no hook has this name; the hooks are %s",
                name,
                module.__file__,
                ", ".join(HOOKS),
                extra={"code": "unknown-hook"},
            )
