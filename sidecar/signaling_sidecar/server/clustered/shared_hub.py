"""Connects a sidecar to the hub of its cluster, which this or another sidecar runs as the owner."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING

from signaling_sidecar.cluster.instance import Instance
from signaling_sidecar.cluster.link import Link, RedisAway
from signaling_sidecar.dialects import Dialect
from signaling_sidecar.errors import RedisUnusable, Refusal
from signaling_sidecar.eventlog.log_copy import LogCopy
from signaling_sidecar.hub import Hub, RoomRules, commands
from signaling_sidecar.hub.commands import OfAdmin
from signaling_sidecar.hub.effects import Record
from signaling_sidecar.server.authorisation.revoking import Revoking
from signaling_sidecar.server.background import running
from signaling_sidecar.server.clustered.followed_log import FollowedLog
from signaling_sidecar.server.clustered.member import Callbacks, Member
from signaling_sidecar.server.clustered.settings_of_rooms import difference, joined, settings_of_rooms
from signaling_sidecar.server.clustered.shared_revocations import SharedRevocations
from signaling_sidecar.server.clustered.side import ClusterSide
from signaling_sidecar.server.clustered.step import LocalFront, StepFront, StepLog, StepTick
from signaling_sidecar.server.clustered.takeover import Takeover
from signaling_sidecar.server.counts import Counts
from signaling_sidecar.server.held_state_dir import HeldStateDir
from signaling_sidecar.server.http.health import NOT_IN_CLUSTER, NotReady, redis_away
from signaling_sidecar.server.metrics.measured import InCluster
from signaling_sidecar.server.owner import Owner
from signaling_sidecar.server.random_ids import RandomIds
from signaling_sidecar.server.run_log import apply_settings, log_options
from signaling_sidecar.server.tick import Tick
from signaling_sidecar.settings import Settings
from signaling_sidecar.untrusted_text import visible

STOP_WITHIN_S = 2.0  # seconds for handing over the rooms, and the same time again for leaving the cluster
LOG_WITHIN_S = 2.0  # seconds for which the start waits for the copy of the log, because a full disk may prevent copying

if TYPE_CHECKING:
    from signaling_sidecar.server.user_hooks.checks import HookChecks

logger = logging.getLogger("signaling_sidecar")


class SharedHub:
    """Has the same methods as `OwnHub`. `lost` is called when this instance was declared dead, and must close all
    connections."""

    def __init__(
        self, boot: str, folder: HeldStateDir, dialects: Mapping[str, Dialect], lost: Callable[[], None]
    ) -> None:
        self.log: LogCopy
        self.owner: ClusterSide
        self._boot = boot
        self._folder = folder
        self._dialects = dialects
        self._lost = lost
        self._settings: Settings
        self._rules: Mapping[str, RoomRules]
        self._link: Link
        self._followed_log: FollowedLog
        self._member: Member
        self._revocations: SharedRevocations | None = None
        self._hooks: HookChecks | None = None
        self._set_rules_of_rooms: Callable[[], None] = lambda: None
        """Sets the rules of all rooms to those that the hooks return."""
        self._counts = Counts()
        self._reloaded = False

    async def open(self, settings: Settings, rules: Mapping[str, RoomRules], *, reloaded: bool) -> None:
        self._settings, self._rules, self._reloaded = settings, rules, reloaded
        assert settings.cluster is not None
        self._link = Link(settings.cluster, settings.cluster_password)
        options = log_options(settings, rules, self._folder.claim)
        self.log = LogCopy(self._folder.path, self._boot, cluster_boot="", **options)
        secret = [name for name, its in rules.items() if its.entry.secret]
        self.owner = ClusterSide(self._new_hub, secret)

    def begin(self, front: LocalFront, tick: Tick) -> None:
        takeover = Takeover(
            self._new_hub,
            self._new_owner,
            self._dialects,
            lambda: self._settings.payloads,
            front,
            self._wake,
            self._warn_of_other_settings,
        )
        calls = Callbacks(
            self._have_joined,
            self._have_lost,
            self._owner_has_changed,
            self.owner.named,
            self.owner.replied,
            self._have_heard_of_revoked,
            self._compare_revocations,
            tick.needs_end,
            self._bytes_to_checkpoint,
        )
        self._followed_log = FollowedLog(self.log)
        instance = Instance(self._link, self._boot, self._settings.cluster_lease_s, self._folder.key)
        self.owner.member = self._member = Member(self._link, instance, front, self._followed_log, takeover, calls)
        tick.write_log = self.log.flush

    def share_revocations(self, revoking: Revoking) -> None:
        """Refuse the tokens that were revoked at any instance. Must be called before `running`, after `open`."""
        self._revocations = SharedRevocations(self._link, revoking)
        revoking.tell_others = self._revocations.tell

    @asynccontextmanager
    async def running(self, use: Callable[[HookChecks], None]) -> AsyncIterator[None]:
        """Join the cluster, and be a member until the block ends. Raises RedisUnusable and HooksUnreadable."""

        def use_everywhere(hooks: HookChecks) -> None:
            self._hooks = hooks
            self.owner.has_hooks = True
            use(hooks)

        try:
            async with AsyncExitStack() as work:
                checks: HookChecks | None = None
                if self._settings.hooks is not None:
                    from signaling_sidecar.server.user_hooks.hooks_in_use import hooks_in_use, load_hooks

                    # The hooks are loaded before the join, because slow ones would take longer than the lease, which
                    # nobody renews yet.
                    checks = await load_hooks(self._settings.hooks, self._hub_for_hooks, self.owner.record)
                    work.callback(checks.stop)
                await self._join()
                if checks is not None:
                    in_use = hooks_in_use(checks, self.owner.record, self._administer_here, use_everywhere)
                    self._set_rules_of_rooms = await work.enter_async_context(in_use)
                if self._revocations is not None:
                    await work.enter_async_context(running(self._revocations.follow()))
                await work.enter_async_context(running(self._member.run()))
                await work.enter_async_context(running(self._member.follow()))
                if self._reloaded:
                    self.owner.record(Record("server.reloaded"))
                number = self._member.number
                assert number is not None
                self.owner.record(joined(number, settings_of_rooms(self._settings)))
                await self._wait_for_log()
                yield
                await self._leave()
        finally:
            await self._link.close()

    @property
    def counts(self) -> Counts:
        return self._counts

    def new_connection_id(self) -> int:
        return self.owner.new_connection_id()

    def apply(self, settings: Settings, rules: Mapping[str, RoomRules]) -> None:
        """Use settings that have changed while the sidecar is running. Settings for rooms have an effect only
        while this sidecar is the owner."""
        if settings_of_rooms(settings) != settings_of_rooms(self._settings):
            logger.warning(
                "settings for the rooms have changed: change them at all sidecars of the cluster, because the rooms "
                "follow the settings of the owner, and any sidecar can become the owner",
                extra={"code": "other-settings"},
            )
        self._settings, self._rules = settings, rules
        apply_settings(self.log, settings, rules)
        if self._member.term is not None:
            self._member.term.owner.set_rules(commands.SetRules(rules, settings.max_rooms))

    def look_after(self) -> None:
        """Check the files of the log. Must be called every `LOOK_EVERY_S`."""
        self.log.look_after()

    def hub_here(self) -> Hub | None:
        """Return the hub if this instance has it."""
        term = self._member.term
        return term.hub if term is not None else None

    def in_cluster(self) -> InCluster:
        member, trips, now_s = self._member, self._link.round_trips, asyncio.get_running_loop().time()
        last_seq = member.term.seq if member.term is not None else member.seq
        return InCluster(
            is_member=member.number is not None,
            is_owner=member.term is not None,
            joins=member.joins,
            takeovers=member.takeovers,
            takeovers_s=member.takeovers_s,
            redis_answers=list(trips.buckets()),
            redis_answers_s=trips.sum_s,
            redis_silent_s=now_s - trips.answered_s if trips.answered_s is not None else math.inf,
            log_behind=max(0, last_seq - self.log.seq),
        )

    @property
    def is_open(self) -> bool:
        """Whether clients may connect."""
        return self._member.number is not None

    def why_not_ready(self) -> NotReady | None:
        if self._member.number is None:
            return NOT_IN_CLUSTER
        wrong = self._member.outages.reason
        return redis_away(wrong) if wrong is not None else None

    async def hand_over(self) -> None:
        """Let another instance become the owner, because this sidecar is about to stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_WITHIN_S):
                await self._member.hand_over()

    def hold_deadlines(self) -> None:
        """Does nothing, because another instance is the owner now. The clients can resume their sessions there at once,
        so grace periods need not be suspended."""

    async def stop(self) -> None:
        self.log.close()

    # --- RoomsAccess ----------------------------------------------------------------------------------------------

    async def hub(self) -> Hub:
        return await self.owner.hub()

    async def administer(self, command: OfAdmin) -> Refusal | None:
        return await self.owner.administer(command)

    # --- parts ----------------------------------------------------------------------------------------------------

    async def _join(self) -> None:
        """Raises RedisUnusable."""
        server = await self._link.check_server()
        if server.maxmemory_policy not in ("", "noeviction"):
            logger.warning(
                "Redis deletes keys when its memory is full (maxmemory-policy is %s), and then the rooms of the "
                "cluster are lost: set it to noeviction",
                server.maxmemory_policy,
                extra={"code": "redis-evicts"},
            )
        try:
            await self._member.join()
            if self._revocations is not None:
                await self._revocations.exchange()  # before any client connects, so that revoked tokens are refused
        except RedisAway as error:
            raise RedisUnusable(str(error)) from error

    async def _wait_for_log(self) -> None:
        """Wait until the first part of the log was copied, because requests to the admin API need it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LOG_WITHIN_S):
                await self._followed_log.exists.wait()

    async def _leave(self) -> None:
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                await self._member.leave()
        except TimeoutError:
            logger.warning(
                "%s: the other sidecars of the cluster treat this one as gone when its lease ends",
                self._member.outages.reason or "Redis does not answer",
                extra={"code": "redis-away"},
            )

    def _bytes_to_checkpoint(self) -> int:
        """Return after how many bytes of lines the owner writes a checkpoint: 0 if a new segment needs one now."""
        return 0 if self.log.wants_checkpoint else self._settings.log_segment_bytes

    def _have_joined(self, number: int) -> None:
        # After Redis has lost its data, a sidecar that has just started may have begun the cluster with another key.
        self._folder.key = self._member.instance.key
        self.owner.joined(number)
        self._compare_revocations()
        self._lost()  # closes the connections that were opened since this instance was declared dead

    def _owner_has_changed(self) -> None:
        self.owner.owner_changed()
        if self._member.term is not None:
            self._set_rules_of_rooms()  # the hooks of the last owner may have been different

    def _have_lost(self) -> None:
        self.owner.lost()
        self._lost()

    def _warn_of_other_settings(self, noted: Record) -> None:
        sentence = difference(noted, settings_of_rooms(self._settings))
        if sentence is not None:
            logger.warning("%s", visible(sentence), extra={"code": "other-settings"})

    def _have_heard_of_revoked(self, text: bytes) -> None:
        if self._revocations is not None:
            self._revocations.take(text)

    def _compare_revocations(self) -> None:
        if self._revocations is not None:
            self._revocations.compare()

    def _wake(self) -> None:
        self._member.wake()

    def _new_hub(self) -> Hub:
        return Hub(self._rules, self._settings.max_rooms, RandomIds())

    def _new_owner(self, hub: Hub, log: StepLog, front: StepFront) -> Owner:
        owner = Owner(hub, log, front, StepTick(self._wake), self._counts)
        if self._hooks is not None:
            owner.use_hooks(self._hooks)
        return owner

    def _hub_for_hooks(self) -> Hub:
        """Return the hub, or an empty hub if it has moved to another instance since the hook was called."""
        return self.hub_here() or self._new_hub()

    def _administer_here(self, command: OfAdmin) -> Refusal | None:
        term = self._member.term
        return term.owner.administer(command) if term is not None else None
