"""Where the code of the hooks file runs: in a thread, and an event loop, of its own.

1. A hook of whatever kind keeps nobody waiting but other hooks: connections are read and served meanwhile.
2. Hooks begin in the order in which they were asked for, and never run at the same time; only at an `await` does one
   let others go on. So they need no locks.
3. A hook that is not done in time is cancelled. If it blocks, it is interrupted; if not even that ends it, it is left
   alone with its thread, and the hooks that wait go on in a new one.
"""

from __future__ import annotations

import asyncio
import ctypes
import inspect
import logging
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, NamedTuple

from signaling_sidecar.errors import SidecarError
from signaling_sidecar.untrusted_text import visible

STALLED_S = 0.25  # seconds; people notice a quarter of one, and no hook needs it
LOOK_S = 0.1  # seconds for a thread to show that it is not blocked
STOP_WITHIN_S = 0.3  # seconds for what runs when the sidecar stops

logger = logging.getLogger("signaling_sidecar")


class HookRaised(Exception):
    """A hook has raised something. Carries it as text, because formatting it runs the hook's code too."""

    def __init__(self, kind: str, told: str) -> None:
        super().__init__(kind)
        self.kind = kind
        self.told = told


class HooksStopped(Exception):
    """No hook is run any more, because the sidecar stops."""


class HookRunner:
    """Runs what it is given in the hooks' thread. Made in a running loop; `stop` ends the thread."""

    def __init__(self) -> None:
        self._thread = _HookThread()
        self._is_over = False
        self._waiting: deque[_Call] = deque()
        self._begun: set[_Call] = set()

    async def run(self, hook: Callable[[], Any], check: Callable[[Any], Any], within_s: float) -> Any:
        """Call the hook, await what is to be awaited of its answer, and give that back as `check` does.

        The time counts from when it begins. Raises HookRaised for what the hook raises, TimeoutError when it is not
        done in time, HooksStopped, and SidecarErrors as they are.
        """
        if self._is_over:
            raise HooksStopped
        call = _Call(hook, check)
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
        """Nobody waits for a hook any more."""
        self._is_over = True
        for call in (*self._waiting, *self._begun):
            call.give_up(self._thread)
        self._thread.stop()

    async def _outcome(self, call: _Call, thread: _HookThread, within_s: float) -> _Outcome:
        stalled_s = min(STALLED_S, within_s)
        if not await _is_done(call.outcome, stalled_s):
            if call.is_running:
                logger.warning("other hooks are kept waiting; one that waits should be async, and await:\n%s", thread)
            if not await _is_done(call.outcome, within_s - stalled_s):
                if call.is_running:
                    await self._free(thread)
                raise TimeoutError(f"no answer within {within_s:g} s")
        return call.outcome.result()

    async def _begin(self, call: _Call, within_s: float) -> _HookThread:
        """Return when the call runs, which has to wait for those before it."""
        self._waiting.append(call)
        self._thread.begin(call)
        try:
            while not await _is_done(call.begun, within_s):
                if not any(other.is_running for other in self._begun):
                    await self._free(self._thread)  # a hook that was done has left something behind that blocks
        finally:
            self._waiting.remove(call)
        return call.begun.result()

    async def _free(self, thread: _HookThread) -> None:
        """Let other hooks go on in a thread that is blocked, or in a new one."""
        thread.interrupt()
        if await thread.is_blocked() and thread is self._thread:
            thread.abandon()
            self._thread = _HookThread()
            for call in self._waiting:
                self._thread.begin(call)


class _Outcome(NamedTuple):
    value: Any
    error: Exception | None = None


class _Interrupted(BaseException):
    """Raised in a hook that blocks for too long; no Exception, so that it is not taken for an error of the hook's."""


class _Call:
    """One call of a hook, as the loop sees it that asked for it."""

    def __init__(self, hook: Callable[[], Any], check: Callable[[Any], Any]) -> None:
        loop = asyncio.get_running_loop()
        self.hook = hook
        self.check = check
        self.begun: asyncio.Future[_HookThread] = loop.create_future()
        self.outcome: asyncio.Future[_Outcome] = loop.create_future()
        self.coroutine: Coroutine[Any, Any, None] | None = None
        self.task: asyncio.Task[None] | None = None
        self._loop = loop
        self._unclaimed = threading.Lock()

    @property
    def is_running(self) -> bool:
        """Whether its code is what runs in its thread now: it has begun, and does not await anything."""
        return inspect.iscoroutine(self.coroutine) and self.coroutine.cr_running

    def claim(self) -> bool:
        """Whether the thread that asks is the first to, and so the one that does the work."""
        return self._unclaimed.acquire(blocking=False)

    def give_up(self, thread: _HookThread) -> None:
        """Let whoever waits for it hear that the sidecar stops."""
        if not self.begun.done():
            self.begun.set_result(thread)
        if not self.outcome.done():
            self.outcome.set_result(_Outcome(None, HooksStopped()))

    def tell(self, future: asyncio.Future[Any], value: Any) -> None:
        """Set a future's result from the hooks' thread, if anybody still waits for it."""
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(lambda: None if future.done() else future.set_result(value))


class _HookThread:
    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._is_over = False
        # A daemon: a hook that never ends must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="hooks", daemon=True)
        self._thread.start()

    def begin(self, call: _Call) -> None:
        self._soon(lambda: self._begin(call))

    def cancel(self, call: _Call) -> None:
        self._soon(lambda: call.task.cancel() if call.task is not None else None)

    async def is_blocked(self) -> bool:
        """Whether something runs in it that does not let others go on."""
        alive = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._soon(lambda: loop.call_soon_threadsafe(alive.set))
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await alive.wait()
        return not alive.is_set()

    def interrupt(self) -> None:
        """Make it raise `_Interrupted` when it next runs Python code: even an endless loop ends so."""
        assert self._thread.ident is not None
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread.ident), ctypes.py_object(_Interrupted))

    def abandon(self) -> None:
        """Begin nothing any more. The thread ends when what blocks it does."""
        self._is_over = True

    def stop(self) -> None:
        """Begin nothing any more, and end what runs as far as that is possible."""
        self._is_over = True
        self._soon(self._cancel_all)
        self._thread.join(STOP_WITHIN_S)
        if self._thread.is_alive():
            self.interrupt()

    def __str__(self) -> str:
        """Where it stands."""
        assert self._thread.ident is not None
        stack = traceback.extract_stack(sys._current_frames().get(self._thread.ident))
        ours = [at for at, frame in enumerate(stack) if frame.filename == __file__]
        return _shown("".join(traceback.format_list(stack[ours[-1] + 1 if ours else 0 :])))

    def _soon(self, work: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(work)

    def _begin(self, call: _Call) -> None:
        call.coroutine = self._do(call)
        call.task = self._loop.create_task(call.coroutine)

    async def _do(self, call: _Call) -> None:
        if self._is_over or not call.claim():
            return
        call.tell(call.begun, self)
        try:
            answer = call.hook()
            while inspect.isawaitable(answer):
                answer = await answer
            outcome = _Outcome(call.check(answer))
        except SidecarError as error:
            outcome = _Outcome(None, error)
        except BaseException as error:  # a hook may raise anything, also what would end a process
            outcome = _Outcome(None, HookRaised(visible(type(error).__name__), _shown(_traceback(error))))
        call.tell(call.outcome, outcome)

    def _cancel_all(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.call_soon(self._loop.call_soon, self._loop.stop)  # when they have had their turn

    def _run(self) -> None:
        with suppress(_Interrupted):
            while not self._is_over:
                # What a hook has left running may raise what would end the loop.
                with suppress(BaseException):
                    self._loop.run_forever()
            self._loop.set_exception_handler(lambda *_: None)  # nobody is to be told of what has not ended
            self._loop.close()


async def _is_done(future: asyncio.Future[Any], within_s: float) -> bool:
    done, _ = await asyncio.wait({future}, timeout=within_s)
    return bool(done)


def _traceback(error: BaseException) -> str:
    """The traceback without the frames from here."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames))


def _shown(text: str) -> str:
    """What a hook has raised may say something that a terminal would act on."""
    return "\n".join(map(visible, text.rstrip().split("\n")))
