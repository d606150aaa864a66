"""Answers the calls of the instances of a cluster to the owner."""

from __future__ import annotations

import asyncio
import logging
from typing import assert_never

from signaling_sidecar import errors
from signaling_sidecar.cluster.messages import (
    Administer,
    Administered,
    Call,
    Check,
    Checked,
    Failed,
    Reply,
    Snapshot,
    TakeSnapshot,
)
from signaling_sidecar.hub import Hub, checkpoint
from signaling_sidecar.server.clustered.step import StepFront
from signaling_sidecar.server.owner import Owner

MAX_BEGUN = 10_000  # calls for hooks that are remembered; a call is sent again only within a second after a takeover

logger = logging.getLogger("signaling_sidecar")


class Calls:
    """The calls of one term. The replies are sent by `front`."""

    def __init__(self, owner: Owner, hub: Hub, front: StepFront) -> None:
        self._owner = owner
        self._hub = hub
        self._front = front
        self._checks: set[asyncio.Task[None]] = set()
        self._begun: dict[tuple[int, int], None] = {}
        """The last calls for hooks that were begun: the number of the instance, and the id of its call. A call that was
        in the inbox when the term began is sent to the new owner again."""

    def answer(self, call: Call, sender: int) -> None:
        request = call.request
        match request:
            case Administer():
                self._front.reply(sender, Reply(call.id, Administered(self._owner.administer(request.command))))
            case TakeSnapshot():
                now_s = asyncio.get_running_loop().time()
                self._front.reply(sender, Reply(call.id, Snapshot(checkpoint(self._hub, now_s))))
            case Check():
                if self._is_new(call.id, sender):
                    task = asyncio.create_task(self._check(call.id, request, sender))
                    self._checks.add(task)
                    task.add_done_callback(self._checks.discard)
            case _:
                assert_never(request)

    def forget(self) -> None:
        """Must be called when Redis has lost the state of the cluster. Another instance may then get the number of one
        that is gone, and counts its calls from 1."""
        self._begun.clear()

    def end(self) -> None:
        """Cancel the hooks that are running."""
        for task in self._checks:
            task.cancel()

    def _is_new(self, call: int, sender: int) -> bool:
        if (sender, call) in self._begun:
            return False
        self._begun[sender, call] = None
        if len(self._begun) > MAX_BEGUN:
            del self._begun[next(iter(self._begun))]
        return True

    async def _check(self, call: int, check: Check, sender: int) -> None:
        try:
            answer: Checked | Failed = Checked(await self._owner.checked(check.command))
        except Exception:
            logger.exception("the hooks could not be called")
            answer = Failed(errors.internal())
        self._front.reply(sender, Reply(call, answer))
