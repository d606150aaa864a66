"""Defines how a call of a hook can end: with a value or an exception."""

from __future__ import annotations

from typing import Any, NamedTuple


class HookRaised(Exception):
    """A hook has raised an exception. `HookRaised` only contains the text of that exception, whose methods may be code
    of the hook."""

    def __init__(self, kind: str, told: str) -> None:
        super().__init__(kind)
        self.kind = kind
        """The name of the exception's class."""
        self.told = told
        """The traceback, without characters that control a terminal."""


class HooksStopped(Exception):
    """Hooks are no longer run, because the sidecar stops."""


class Outcome(NamedTuple):
    value: Any
    error: Exception | None = None
