"""Loads the hooks file before the sidecar serves clients, and loads it again whenever it is saved."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from signaling_sidecar.hub import Hub
from signaling_sidecar.hub.commands import OfAdmin
from signaling_sidecar.hub.effects import Record
from signaling_sidecar.reload import HooksFile
from signaling_sidecar.server.background import running
from signaling_sidecar.server.user_hooks.checks import HookChecks
from signaling_sidecar.server.user_hooks.outcome import HooksStopped


@asynccontextmanager
async def hooks_in_use(
    path: Path,
    hub: Callable[[], Hub],
    record: Callable[[Record], None],
    administer: Callable[[OfAdmin], object],
    use: Callable[[HookChecks], None],
) -> AsyncIterator[None]:
    """Load the hooks file and follow its changes until the block ends. Raises HooksUnreadable.

    `use` is called with the `HookChecks` as soon as the hooks are loaded. `administer` is called with the commands that
    set the rules of rooms to those that the `room_rules` hook returns.
    """
    file = HooksFile(path)
    checks = HookChecks(file, hub, record)

    async def set_rules_of_rooms() -> None:
        async for command in checks.rules_of_rooms():
            administer(command)

    async def swapped(is_new: bool) -> None:
        if is_new:
            await set_rules_of_rooms()
        record(Record("hooks.swapped" if is_new else "hooks.kept"))

    async def follow() -> None:
        with suppress(HooksStopped):
            await set_rules_of_rooms()  # rooms may have been restored from the previous run
            await file.watch(checks.load, swapped)

    try:
        await checks.load()
        use(checks)
        async with running(follow()):
            yield
    finally:
        checks.stop()
