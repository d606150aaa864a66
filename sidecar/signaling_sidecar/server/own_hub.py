"""Creates the hub, the event log and the owner of a sidecar that is not in a cluster."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from signaling_sidecar.errors import Refusal
from signaling_sidecar.eventlog import LogWriter
from signaling_sidecar.hub import Hub, RoomRules, commands
from signaling_sidecar.hub.commands import OfAdmin
from signaling_sidecar.hub.effects import Record
from signaling_sidecar.server.authorisation.revoking import Revoking
from signaling_sidecar.server.counts import Counts
from signaling_sidecar.server.free_memory import return_free_memory
from signaling_sidecar.server.held_state_dir import HeldStateDir
from signaling_sidecar.server.http.health import LOG_NOT_WRITTEN, NotReady
from signaling_sidecar.server.owner import Owner
from signaling_sidecar.server.previous_run import restore_previous_run
from signaling_sidecar.server.random_ids import RandomIds
from signaling_sidecar.server.run_log import apply_settings, log_of
from signaling_sidecar.server.tell import FrontSide
from signaling_sidecar.server.tick import Tick
from signaling_sidecar.settings import Settings

if TYPE_CHECKING:
    from signaling_sidecar.server.user_hooks.checks import HookChecks

logger = logging.getLogger("signaling_sidecar")


class OwnHub:
    """Implements `RoomsAccess`, too. The methods must be called in the order in which they are defined, in a running
    event loop and while `folder` is held."""

    def __init__(self, boot: str, folder: HeldStateDir) -> None:
        self.log: LogWriter
        """Set by `open`."""
        self.owner: Owner
        """Set by `begin`."""
        self.new_connection_id = itertools.count(1).__next__
        self._boot = boot
        self._folder = folder
        self._hub: Hub
        self._hooks: HookChecks | None = None

    async def open(self, settings: Settings, rules: Mapping[str, RoomRules], *, reloaded: bool) -> None:
        """Load the hooks, restore the state of the previous run, and begin the log of this run with that state. Raises
        OSError, HooksUnreadable and MissingExtra.

        The hooks are loaded first, because that may take seconds, and the grace periods of the restored sessions begin
        with the restore.
        """
        if settings.hooks is not None:
            # Imported here because most sidecars have no hooks, and should not wait for the import at the start.
            from signaling_sidecar.server.user_hooks.hooks_in_use import load_hooks

            self._hooks = await load_hooks(settings.hooks, lambda: self._hub, self._record)
        try:
            self._restore(settings, rules, reloaded=reloaded)
        except BaseException:
            if self._hooks is not None:
                self._hooks.stop()
            raise

    def _restore(self, settings: Settings, rules: Mapping[str, RoomRules], *, reloaded: bool) -> None:
        def new_hub() -> Hub:
            return Hub(rules, settings.max_rooms, RandomIds())

        now_s, path = asyncio.get_running_loop().time(), self._folder.path
        self._hub, restored = restore_previous_run(path, new_hub, now_s, logger.warning)
        self.log = log_of(self._hub, settings, rules, path, self._boot, self._folder.claim)
        self.log.open()
        if restored:
            return_free_memory()
        for record in [*restored, *([Record("server.reloaded")] if reloaded else [])]:
            self.log.append(record)
        self.log.flush()

    def _record(self, record: Record) -> None:
        self.owner.record(record)

    def begin(self, front: FrontSide, tick: Tick) -> None:
        self.owner = Owner(self._hub, self.log, front, tick)
        tick.write_log = self.owner.write_log

    def share_revocations(self, revoking: Revoking) -> None:
        """Does nothing, because there is no other sidecar that must refuse the revoked tokens."""

    @asynccontextmanager
    async def running(self, use: Callable[[HookChecks], None]) -> AsyncIterator[None]:
        """Call the hooks, if there are some, until the block ends.

        `use` is called with the hooks. The first client may join as soon as the block has begun.
        """

        def use_everywhere(hooks: HookChecks) -> None:
            self.owner.use_hooks(hooks)
            use(hooks)

        async with AsyncExitStack() as work:
            if self._hooks is not None:
                from signaling_sidecar.server.user_hooks.hooks_in_use import hooks_in_use

                in_use = hooks_in_use(self._hooks, self.owner.record, self.owner.administer, use_everywhere)
                await work.enter_async_context(in_use)
            # The sessions that do not survive a restart must end before the first client joins.
            self.owner.catch_up()
            yield

    @property
    def counts(self) -> Counts:
        return self.owner.counts

    def apply(self, settings: Settings, rules: Mapping[str, RoomRules]) -> None:
        """Use settings that have changed while the sidecar is running."""
        self.log.payloads = settings.payloads
        apply_settings(self.log, settings, rules)
        self.owner.set_rules(commands.SetRules(rules, settings.max_rooms))

    def look_after(self) -> None:
        """Check the files of the log. Must be called every `LOOK_EVERY_S`."""
        self.owner.look_after_log()

    def hub_here(self) -> Hub:
        return self._hub

    def in_cluster(self) -> None:
        """Return None, because this sidecar is in no cluster."""

    is_open = True
    """Whether clients may connect."""

    def why_not_ready(self) -> NotReady | None:
        return None if self.log.is_written else LOG_NOT_WRITTEN

    async def hand_over(self) -> None:
        """Does nothing, because no other sidecar can take over the rooms: the next start restores them."""

    def hold_deadlines(self) -> None:
        """Suspend all deadlines, because the sidecar is about to stop."""
        self.owner.hold_deadlines()

    async def stop(self) -> None:
        """Write the last records. The rooms do not change afterwards."""
        self.owner.stop()
        self.log.close()

    # --- RoomsAccess ----------------------------------------------------------------------------------------------

    async def hub(self) -> Hub:
        return self._hub

    async def administer(self, command: OfAdmin) -> Refusal | None:
        return self.owner.administer(command)
