"""Writes what the owner has done into Redis, and into the log of this instance.

1. While Redis does not answer, the same step is sent again, because Redis may have stored it already.
2. The messages of a step are delivered, and its lines are copied, only after Redis has stored it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from signaling_sidecar.cluster.instance import BEGINNING, Instance, State, Step
from signaling_sidecar.cluster.link import RedisAway
from signaling_sidecar.cluster.log_stream import LogEntry
from signaling_sidecar.cluster.numbers import instance_of
from signaling_sidecar.server.clustered.followed_log import FollowedLog
from signaling_sidecar.server.clustered.outbox import Outbox
from signaling_sidecar.server.clustered.term import Term

RETRY_S = 0.1  # seconds between two attempts to reach Redis


class Commits:
    """`segment_bytes` returns after how many bytes of lines the owner writes a checkpoint."""

    def __init__(self, instance: Instance, log: FollowedLog, outbox: Outbox, segment_bytes: Callable[[], int]) -> None:
        self._instance = instance
        self._log = log
        self._outbox = outbox
        self._segment_bytes = segment_bytes
        self._pending: Step | None = None
        """The step that was sent to Redis and is not confirmed yet."""

    async def commit_next(self, term: Term) -> bool:
        """Commit the next step. Returns False if there is none. Raises RedisAway, after which the same step must be
        committed again."""
        step = self._pending = self._pending or term.next_step(self._segment_bytes())
        if step is None:
            return False
        entry = await self._instance.commit(term.fence, step)
        self._pending = None
        term.committed = step.number
        self._log.take_step(step, entry)
        self._outbox.deliver(step.own)
        return True

    def forget(self) -> None:
        """Must be called when the term of the last step is over."""
        self._pending = None

    async def found_again(
        self, term: Term, highest: int, *, was_heard_of: bool, away: Callable[[RedisAway], None]
    ) -> list[Step] | None:
        """Give Redis the state of the cluster, which it has lost. Returns the steps whose messages must be delivered
        now, or None if another instance is the owner now.

        `highest` is the highest number of an instance that Redis has named, `was_heard_of` says whether this instance
        has renewed its lease a short time ago, and `away` is called whenever Redis cannot be used.
        """
        epoch = self._instance.next_epoch()
        steps = [] if self._pending is None else [self._pending]
        while True:
            if (step := term.next_step(self._segment_bytes())) is not None:
                steps.append(step)
            state = State(term.fence + 1, term.step, term.seq, term.ts, term.checkpoint(), term.held)
            known = max(highest, *map(instance_of, term.hub.connections()), self._instance.number or 0)
            try:
                entry = await self._instance.found_again(epoch, known, state, was_heard_of=was_heard_of)
                break
            except RedisAway as error:
                away(error)
                await asyncio.sleep(RETRY_S)
        if entry is None:
            return None
        self._pending, self._outbox.place = None, BEGINNING
        term.fence, term.committed, term.place, term.read_place = state.fence, term.step, BEGINNING, BEGINNING
        checkpoint = LogEntry(term.step, term.seq, term.ts, b"", state.checkpoint)
        self._log.begin_again(epoch, steps, checkpoint, entry)
        return steps
