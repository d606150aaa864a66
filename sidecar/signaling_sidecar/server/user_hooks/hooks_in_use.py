"""Loads the hooks file before the sidecar serves clients, and loads it again whenever it is saved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from signaling_sidecar.hub import Hub
from signaling_sidecar.hub.commands import OfAdmin
from signaling_sidecar.hub.effects import Record
from signaling_sidecar.reload import HooksFile
from signaling_sidecar.server.background import begin, running
from signaling_sidecar.server.user_hooks.checks import HookChecks
from signaling_sidecar.server.user_hooks.outcome import HooksStopped


async def load_hooks(path: Path, hub: Callable[[], Hub], record: Callable[[Record], None]) -> HookChecks:
    """Load the hooks file. Raises HooksUnreadable and MissingExtra.

    The result must be passed to `hooks_in_use`, or stopped. `record` is called only after that.
    """
    checks = HookChecks(HooksFile(path), hub, record)
    try:
        await checks.load()
    except BaseException:
        checks.stop()
        raise
    return checks


@asynccontextmanager
async def hooks_in_use(
    checks: HookChecks,
    record: Callable[[Record], None],
    administer: Callable[[OfAdmin], object],
    use: Callable[[HookChecks], None],
) -> AsyncIterator[Callable[[], None]]:
    """Use the hooks and follow the changes of their file until the block ends.

    Yields a function that sets the rules of all rooms again. It must be called when this sidecar gets the rooms of
    another one.

    `use` is called at once. `administer` is called with the commands that set the rules of rooms to those that the
    `room_rules` hook returns.
    """
    setting: asyncio.Task[None] | None = None

    async def set_rules_of_rooms(*, is_swap: bool) -> None:
        async for command in checks.rules_of_rooms():
            administer(command)
        if is_swap:
            record(Record("hooks.swapped"))

    def begin_to_set_rules(*, is_swap: bool = False) -> None:
        """Set the rules of all rooms in the background. A slow hook needs long for many rooms, and the next version of
        the file, in which the hook may be repaired, must not wait for that."""
        nonlocal setting
        if setting is not None:
            setting.cancel()
        setting = begin(set_rules_of_rooms(is_swap=is_swap))

    async def swapped(is_new: bool) -> None:
        if is_new:
            begin_to_set_rules(is_swap=True)
        else:
            record(Record("hooks.kept"))

    async def follow() -> None:
        with suppress(HooksStopped):
            await checks.file.watch(checks.load, swapped)

    try:
        use(checks)
        begin_to_set_rules()  # for the rooms that were restored from the previous run
        async with running(follow()):
            yield begin_to_set_rules
    finally:
        if setting is not None:
            setting.cancel()
        checks.stop()
