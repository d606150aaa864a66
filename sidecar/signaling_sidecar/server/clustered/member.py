"""Makes this sidecar a member of the cluster: renews its lease, copies the log, and takes over when there is no owner.

1. Only one task (`run`) changes whether this instance is a member or the owner. A second task (`follow`) waits for
   messages of other instances, and for entries of the log.
2. Redis alone decides which instance is the owner, and which ones are alive. The clocks of two machines are never
   compared.
3. An instance that was declared dead closes all its connections, and joins the cluster again under another number.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import NamedTuple

from signaling_sidecar.cluster.instance import BEGINNING, INBOX, LOG, Claimed, Instance, OutOfDate
from signaling_sidecar.cluster.link import Entry, Link, RedisAway, just_before
from signaling_sidecar.cluster.messages import Reply, ToOwner
from signaling_sidecar.cluster.numbers import instance_of
from signaling_sidecar.cluster.posts import Posts
from signaling_sidecar.hub.effects import Send
from signaling_sidecar.server.clustered.commits import RETRY_S, Commits
from signaling_sidecar.server.clustered.followed_log import FollowedLog
from signaling_sidecar.server.clustered.lease import RENEWALS, Lease
from signaling_sidecar.server.clustered.outages import Outages
from signaling_sidecar.server.clustered.outbox import Outbox
from signaling_sidecar.server.clustered.step import LocalFront
from signaling_sidecar.server.clustered.takeover import Restored, Takeover
from signaling_sidecar.server.clustered.term import Term

BLOCK_MS = 1000  # milliseconds for which a read waits for new entries; the first entry of a new owner ends the wait
RESTORED_BYTES_PER_S = 2_000_000  # how many bytes of a checkpoint a busy machine restores in a second

logger = logging.getLogger("signaling_sidecar")


_REASONS = {
    "buried": "Redis had not heard from it for a whole lease, so the other sidecars treated it as gone",
    "epoch": "Redis has lost the state of the cluster",
    "fenced": "another instance has the rooms now",
    "lost": "Redis has an older state than before",
}
"""By the `word` of an `OutOfDate`: the reason why this instance joins the cluster again, for operators."""


class Callbacks(NamedTuple):
    """The functions that a `Member` calls when something has changed."""

    joined: Callable[[int], None]
    """Called with the number of this instance when it has joined."""
    lost: Callable[[], None]
    """Called when this instance was declared dead. The callback must close all connections."""
    owner_changed: Callable[[], None]
    """Called when there is a new owner, which knows only what is in the log."""
    named: Callable[[Send], Send]
    """Adds the name of a secret room to a message of the owner, if the owner does not know the name."""
    replied: Callable[[Reply], None]
    revoked: Callable[[bytes], None]
    """Called with the tokens that were revoked at any instance."""
    founded_again: Callable[[], None]
    """Called when this instance has given Redis the state of the cluster, which Redis had lost."""
    end_tick: Callable[[], None]
    """Called when messages were passed to the front."""
    segment_bytes: Callable[[], int]


class Member:
    """Must be created in a running event loop. `join` must be called before `run` and `follow`."""

    def __init__(
        self,
        link: Link,
        instance: Instance,
        front: LocalFront,
        log: FollowedLog,
        takeover: Takeover,
        callbacks: Callbacks,
    ) -> None:
        self.instance = instance
        self.term: Term | None = None
        """Set while this instance is the owner."""
        self.owner: int | None = None
        """The instance that was the owner at the last renewal of the lease."""
        self.lease = Lease(instance.lease_s)
        self.seq = 0
        """The number that the last line of the log had at the last renewal of the lease."""
        self.joins = 0
        """How often this instance has become a member. It joins again after it was declared dead."""
        self.takeovers = 0
        self.takeovers_s = 0.0
        """How long all takeovers together have taken."""
        self._link = link
        self._lease_s = instance.lease_s
        self._outbox = Outbox(
            front,
            named=callbacks.named,
            replied=callbacks.replied,
            revoked=callbacks.revoked,
            owner_changed=self._owner_has_changed,
            end_tick=callbacks.end_tick,
        )
        self._log = log
        self._commits = Commits(instance, log, self._outbox, callbacks.segment_bytes)
        self._takeover = takeover
        self._callbacks = callbacks
        self._loop = asyncio.get_running_loop()
        self._wanted = asyncio.Event()
        self._posts = Posts()
        self._highest = 0
        self._timer = self._loop.call_soon(self._wanted.set)
        self._releasing: Term | None = None
        """The term that this instance is about to end, so that another instance becomes the owner."""
        self._found_after_s = 0.0
        """The time from which this instance may begin an empty cluster. When Redis has lost the state of the cluster,
        the owner is given time to restore it."""
        self._is_leaving = False
        self._has_said_all = False
        self._can_read = True
        """Whether `follow` can read messages. Redis may refuse its connection, or its command, although `run` can
        write."""
        self._is_no_owner = asyncio.Event()
        """Set when this instance is about to leave, is not the owner, and will not become the owner."""
        self._has_left = asyncio.Event()
        self.outages = Outages(lambda: self.term.owner if self.term is not None else None)

    @property
    def number(self) -> int | None:
        """The number of this instance, or None while it is not a member."""
        return self.instance.number

    # --- what the instance tells the owner ---------------------------------------------------------------------------

    def tell(self, *messages: ToOwner) -> None:
        """Send messages to the owner, which handles the messages of each instance in order."""
        if self.number is None:
            return
        if self.term is not None:
            for message in messages:
                self.term.take_own(message)
        else:
            self._posts.add(messages)
            self.wake()

    def wake(self) -> None:
        """Start the next exchange with Redis."""
        self._wanted.set()

    # --- life --------------------------------------------------------------------------------------------------------

    async def join(self) -> None:
        """Become a member of the cluster. Raises RedisAway."""
        checkpoint = await self.instance.join(may_found=self._loop.time() >= self._found_after_s)
        self.joins += 1
        self._posts = Posts()
        self._outbox.place = BEGINNING
        self._log.belongs_to(self.instance.epoch, checkpoint)
        self.lease.begin(self._loop.time())
        assert self.number is not None
        self._callbacks.joined(self.number)
        self.wake()

    async def run(self) -> None:
        """Renew the lease, exchange messages with Redis, and become the owner when there is none, until this instance
        has left or the task is cancelled."""
        while not self._has_left.is_set():
            await self._wanted.wait()
            self._wanted.clear()
            # An answer that takes so long counts as an outage (`Lease.renewed`), although no command has failed yet.
            late = self._loop.call_later(self._lease_s / RENEWALS, self.outages.hold_deadlines)
            try:
                await self._do_what_is_due()
            except RedisAway as error:
                self._away(error)
                await asyncio.sleep(RETRY_S)
                self._wanted.set()
            except OutOfDate as error:
                await self._catch_up(error.word)
            except Exception:
                logger.exception("this instance cannot go on as a member of the cluster")
                self._start_over()
                await asyncio.sleep(RETRY_S)
            finally:
                late.cancel()

    async def follow(self) -> None:
        """Read the outbox of this instance until the task is cancelled. The owner also reads its inbox, and every other
        instance also reads the log."""
        while True:
            number, term = self.number, self.term
            if number is None:
                await asyncio.sleep(RETRY_S)
                continue
            epoch, outbox = self.instance.epoch, self.instance.outbox
            places = {outbox: self._outbox.place}
            places |= {INBOX: term.read_place} if term is not None else {LOG: self._log.place}
            try:
                found = await self._link.read(places, BLOCK_MS if self._can_read else None)
            except RedisAway as error:
                self._can_read = False
                if self.outages.reason is None:  # otherwise, the reason may change with each command
                    self.outages.begin(error)
                await asyncio.sleep(RETRY_S)
                continue
            if not self._can_read:
                self._can_read = True
                self.wake()
            if (self.number, self.instance.epoch) == (number, epoch):
                try:
                    self._take(found, places, term)
                except Exception:
                    logger.exception("entries that this instance has read from Redis could not be handled")
                    await asyncio.sleep(RETRY_S)

    async def hand_over(self) -> None:
        """Release the hub, so that another instance becomes the owner, and do not claim it again. Returns when that is
        done."""
        self._is_leaving = True
        self.wake()
        await self._is_no_owner.wait()

    async def leave(self) -> None:
        """Send the pending messages to the owner, and leave the cluster. All connections must have been closed."""
        self._is_leaving = self._has_said_all = True
        self.wake()
        await self._has_left.wait()

    # --- what is due -------------------------------------------------------------------------------------------------

    async def _do_what_is_due(self) -> None:
        if self.number is None:
            await self.join()
        if self._loop.time() >= self.lease.renew_at_s:
            await self._renew()
        if self._may_claim and self._loop.time() >= self.lease.claim_at_s:
            await self._claim()
        if self._is_leaving:
            await self._hand_over()
        await self._exchange()
        if self._has_said_all:
            while self._posts.pending() is not None:  # messages that were added while others were being sent
                await self._exchange()
            await self.instance.leave()
            self._has_left.set()
        if self._can_read:
            self.outages.end()
        self._wake_at_next()

    @property
    def _may_claim(self) -> bool:
        return self.term is None and not self._is_leaving

    def _wake_at_next(self) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_at(self.lease.next_s(may_claim=self._may_claim), self._wanted.set)

    async def _hand_over(self) -> None:
        term = self.term
        if term is not None:
            term.end()
            self.term = None  # from now on, `tell` sends messages to the next owner
            self._releasing = term
        if self._releasing is not None:
            while await self._commits.commit_next(self._releasing):
                pass
            await self.instance.release(self._releasing.fence)
            self._releasing = None
        self._is_no_owner.set()

    async def _renew(self) -> None:
        began_s, doubt = self._loop.time(), self._log.doubt
        known = await self.instance.renew(self._outbox.place)
        self.lease.renewed(began_s, self._loop.time(), had_lease=known.had_lease)
        self._highest, self.owner, self.seq = known.highest, known.owner, known.seq
        if known.posted < self._posts.posted or (self.term is not None and known.step < self.term.committed):
            raise OutOfDate("lost")
        if doubt is not None:
            self._log.complain(doubt)
        self._log.expect(known.checkpoint)
        if self.owner is None or self.owner == self.number:
            self.lease.claim_at_s = began_s
        else:
            self.lease.owner_lasts(began_s, known.left_s)
        if self.lease.is_steady(self._loop.time()):
            for each in known.silent:
                if each != known.owner and await self.instance.declare_gone(each):
                    logger.warning("instance %d is gone", each, extra={"code": "instance-gone"})

    # --- the hub -----------------------------------------------------------------------------------------------------

    async def _claim(self) -> None:
        began_s = self._loop.time()
        claimed = await self.instance.claim(from_silent=self.lease.is_steady(began_s))
        if not isinstance(claimed, Claimed):
            self.lease.is_taken(began_s, claimed)
            return
        assert self.number is not None
        restored = self._takeover.begin(self.number, claimed.members - {self.number}, claimed.step)
        await self._restore(restored, claimed.checkpoint)
        term = self._takeover.term(restored, self.number, claimed)
        try:
            await self._catch_up_with_others(term, restored, claimed)
        except BaseException:
            term.end()
            raise
        # There is no `await` from here on, so `tell` is not called before all of this is done.
        for message in self._posts.take_waiting():
            term.take_own(message)
        self.term, self.owner, self.lease.renew_at_s = term, self.number, 0.0
        self._callbacks.owner_changed()
        took_s = self._loop.time() - began_s
        self.takeovers += 1
        self.takeovers_s += took_s
        logger.info("this instance has the rooms of the cluster now (%.0f ms)", 1000 * took_s, extra={"code": "owner"})

    async def _restore(self, restored: Restored, checkpoint: str) -> None:
        """Restore the hub from the last checkpoint and the entries that follow it in the log."""
        if not checkpoint:
            return
        self._log.expect(checkpoint)
        async for entry in self._entries(LOG, just_before(checkpoint)):
            if entry.id == checkpoint:
                await self._keep_lease_for(len(entry.fields.get(b"checkpoint", b"")) / RESTORED_BYTES_PER_S)
            restored.take(entry)
            self._log.take(entry)

    async def _keep_lease_for(self, seconds: float) -> None:
        """Renew the lease for `seconds` longer than usual, because restoring a checkpoint blocks the event loop."""
        await self.instance.renew(self._outbox.place, more_s=seconds)
        self.lease.renewed_for(self._loop.time(), seconds)

    async def _catch_up_with_others(self, term: Term, restored: Restored, claimed: Claimed) -> None:
        """Handle everything in Redis that the last owner has not handled."""
        assert self.number is not None
        # The first step has a checkpoint and no event of this term yet, so that a copy of the log can begin there.
        self._commits.forget()
        await self._commits.commit_next(term)
        gone = term.begin(claimed.last, claimed.members, is_restart=restored.is_restart)
        for held in restored.held(claimed.held):
            term.take(held, instance_of(held.command.connection))
        while (post := self._posts.pending()) is not None:
            await self.instance.post(post)
            self._posts.done()
        # The messages of the last owner are delivered before those that this instance sends as the new owner.
        async for entry in self._entries(self.instance.outbox, self._outbox.place):
            self._outbox.take(entry)
        async for entry in self._entries(INBOX, term.read_place):
            term.take_entry(entry)
        for instance in gone:
            term.bury(instance)

    async def _entries(self, stream: str, after: str) -> AsyncIterator[Entry]:
        """Read the entries of a stream that follow the id `after`. Between two entries, the lease is renewed if
        necessary, and other tasks can run."""
        while entries := await self._link.fetch(stream, after):
            for entry in entries:
                yield entry
                await asyncio.sleep(0)
                if self._loop.time() >= self.lease.renew_at_s:
                    await self._renew()
            after = entries[-1].id

    async def _exchange(self) -> None:
        """Write the next messages to the owner into Redis and, if this instance is the owner, commit its next step."""
        post = self._posts.pending()
        if post is not None:
            await self.instance.post(post)
            self._posts.done()
        if self.term is not None:
            await self._commits.commit_next(self.term)

    # --- what others say ---------------------------------------------------------------------------------------------

    def _take(self, found: Mapping[str, list[Entry]], places: Mapping[str, str], term: Term | None) -> None:
        """Handle the entries that `follow` has read. `places` has the id after which each stream was read."""
        for entry in found.get(self.instance.outbox, ()):
            self._outbox.take(entry)
        if places.get(LOG) == self._log.place:  # otherwise, the log is read again from the new place
            for entry in found.get(LOG, ()):
                self._log.take(entry)
        if term is not None and term is self.term:
            for entry in found.get(INBOX, ()):
                term.take_entry(entry)

    def _owner_has_changed(self, owner: bytes) -> None:
        self.lease.claim_at_s = 0.0  # if the claim is refused, Redis answers how long the owner's lease still lasts
        self.wake()
        if owner not in (b"", str(self.number).encode()):
            self._callbacks.owner_changed()

    # --- outages -----------------------------------------------------------------------------------------------------

    def _away(self, error: RedisAway) -> None:
        """Must be called when Redis cannot be used."""
        self.lease.redis_is_away()
        self.outages.begin(error)

    async def _catch_up(self, word: str) -> None:
        """Handle OutOfDate. An owner gives Redis the state again if Redis has lost it. In all other cases, the instance
        joins the cluster again."""
        term = self.term or self._releasing
        if term is not None and word in ("lost", "epoch") and await self._found_again(term):
            return
        logger.warning(
            "this instance joins the cluster again, and its clients must reconnect: %s",
            _REASONS.get(word, word),
            extra={"code": "joins-again"},
        )
        if word == "epoch":
            self._found_after_s = self._loop.time() + self._lease_s
        self._start_over()

    def _start_over(self) -> None:
        """Give up the membership and the hub, and let `run` join the cluster again."""
        self.instance.number = None
        if self.term is not None:
            self.term.end()
        self.term = self._releasing = None
        self._commits.forget()
        self._callbacks.lost()
        self.wake()

    async def _found_again(self, term: Term) -> bool:
        """Give Redis the state of the cluster, which it has lost. Returns whether this instance is still the owner.

        All other instances find that the epoch has changed, and join again. Their clients reconnect and resume their
        sessions.
        """
        was_heard_of = self.lease.was_heard_of(self._loop.time())
        steps = await self._commits.found_again(term, self._highest, was_heard_of=was_heard_of, away=self._away)
        if steps is None:
            return False
        self._posts = Posts()
        for step in steps:
            self._outbox.deliver(step.own)
        term.bury_others()
        self._callbacks.founded_again()
        self.lease.renew_at_s = 0.0
        self.wake()
        logger.warning("Redis had lost the state of the cluster, and has it again", extra={"code": "founded-again"})
        return True
