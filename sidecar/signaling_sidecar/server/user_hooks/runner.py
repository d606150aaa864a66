"""Runs hooks outside of the server's thread.

1. A hook delays only other hooks, and the client that it was called for. Meanwhile, the server serves other clients.
2. Hooks begin in the order in which they were called, and two of them never run at the same time. A hook lets other
   hooks run only while it awaits something. So hooks need no locks.
3. A hook that does not finish in time is cancelled. If it blocks its thread, an exception is raised in the thread. If
   the hook still does not end, the thread is abandoned, and the waiting hooks run in a new thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from signaling_sidecar.server.user_hooks.outcome import HooksStopped, Outcome
from signaling_sidecar.server.user_hooks.thread import HookCall, HookThread

STALLED_S = 0.25  # seconds after which a hook that does not await anything is reported, because it blocks the others

logger = logging.getLogger("signaling_sidecar")


class HookRunner:
    """Calls functions in the hooks' thread. Must be created in a running event loop. `stop` ends the thread."""

    def __init__(self) -> None:
        self._thread = HookThread()
        self._is_over = False
        self._waiting: deque[HookCall] = deque()
        self._begun: set[HookCall] = set()

    async def run(self, hook: Callable[[], Any], check: Callable[[Any], Any], within_s: float) -> Any:
        """Call the hook and, if it returns an awaitable, await that. Returns the result of `check` for the hook's
        return value.

        The call may take `within_s` from its beginning. Raises HookRaised if the hook raises an exception, TimeoutError
        if it does not finish in time, HooksStopped after `stop`, and any SidecarError that the hook or `check` raises.
        """
        if self._is_over:
            raise HooksStopped
        call = HookCall(hook, check)
        thread = await self._begin(call, within_s)
        self._begun.add(call)
        try:
            outcome = await self._outcome(call, thread, within_s)
        except (asyncio.CancelledError, TimeoutError):
            thread.cancel(call)
            raise
        finally:
            self._begun.discard(call)
        if outcome.error is not None:
            raise outcome.error
        return outcome.value

    def stop(self) -> None:
        """End the thread. All calls raise HooksStopped."""
        self._is_over = True
        for call in (*self._waiting, *self._begun):
            call.give_up(self._thread)
        self._thread.stop()

    async def _outcome(self, call: HookCall, thread: HookThread, within_s: float) -> Outcome:
        stalled_s = min(STALLED_S, within_s)
        if not await _is_done(call.outcome, stalled_s):
            if call.is_running:
                logger.warning(
                    "a hook blocks all other hooks; make it async, and await what it waits for:\n%s",
                    thread,
                    extra={"code": "hook-blocks"},
                )
            if not await _is_done(call.outcome, within_s - stalled_s):
                if call.is_running:
                    await self._free(thread)
                raise TimeoutError(f"no answer within {within_s:g} s")
        return call.outcome.result()

    async def _begin(self, call: HookCall, within_s: float) -> HookThread:
        """Wait until the call begins, which is after all earlier calls. Returns the thread in which it runs."""
        self._waiting.append(call)
        self._thread.begin(call)
        try:
            while not await _is_done(call.begun, within_s):
                if not any(other.is_running for other in self._begun):
                    await self._free(self._thread)  # no hook is running, so a task of a finished hook blocks the thread
        finally:
            self._waiting.remove(call)
        return call.begun.result()

    async def _free(self, thread: HookThread) -> None:
        """Interrupt the code that blocks a thread. If the thread remains blocked, continue in a new thread."""
        thread.interrupt()
        if await thread.is_blocked() and thread is self._thread:
            thread.abandon()
            self._thread = HookThread()
            for call in self._waiting:
                self._thread.begin(call)


async def _is_done(future: asyncio.Future[Any], within_s: float) -> bool:
    done, _ = await asyncio.wait({future}, timeout=within_s)
    return bool(done)
