"""The user's hooks file: a Python module that is loaded again, in the running process, whenever it is saved."""

from __future__ import annotations

import itertools
import linecache
import logging
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from difflib import get_close_matches
from inspect import isfunction, signature
from pathlib import Path
from types import ModuleType
from typing import Any

from signaling_sidecar.errors import HooksUnreadable
from signaling_sidecar.reload.reload_extra import require_reload_extra
from signaling_sidecar.reload.saves import saves

logger = logging.getLogger("signaling_sidecar")
HOOKS = ("admit", "room_rules", "on_join", "on_relay", "on_leave")
CLOSE = 0.85  # of 1: how similar a name must be to that of a hook to be a typing error; "admin" is not meant as "admit"
_numbers = itertools.count(1)  # numbers of the hooks files in this process, which may be several sidecars in a test


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
        module = self._new_module()
        try:
            # The file is not imported with `import`, whose cache treats two versions as equal if they were saved within
            # one second and have the same size.
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
        # Each version has a module name of its own, so that tasks of the old one keep what they use.
        name = f"signaling_hooks_{next(_numbers)}"
        module = ModuleType(name)
        module.__file__ = str(self.path)
        linecache.checkcache(str(self.path))  # lets a traceback show the lines of this version
        sys.modules[name] = module  # dataclasses look up the module here in which they are defined
        return module

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


def _fault_of(module: ModuleType) -> str | None:
    """Return what is wrong if one of the hooks cannot be called with one argument."""
    for name in HOOKS:
        try:
            with suppress(KeyError, ValueError):  # there is no such hook, or one that is written in C
                # What a decorator returns is called, and not the function that it wraps.
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
