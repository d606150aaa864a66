"""Implements the thread in which hooks run, which has its own event loop, and the calls of hooks in it."""

from __future__ import annotations

import asyncio
import ctypes
import inspect
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from signaling_sidecar.errors import SidecarError
from signaling_sidecar.server.user_hooks.outcome import HookRaised, HooksStopped, Outcome
from signaling_sidecar.untrusted_text import visible

LOOK_S = 0.1  # seconds within which a thread responds unless it is blocked
STOP_WITHIN_S = 0.3  # seconds for running hooks to end when the sidecar stops


class _Interrupted(BaseException):
    """Raised in a hook that blocks its thread for too long.

    It is not an Exception, so that a hook which catches all exceptions does not catch it.
    """


class HookCall:
    """One call of a hook. It must be created in the event loop that waits for the call. `check` converts the return
    value of the hook to the value of `outcome`."""

    def __init__(self, hook: Callable[[], Any], check: Callable[[Any], Any]) -> None:
        loop = asyncio.get_running_loop()
        self.hook = hook
        self.check = check
        self.begun: asyncio.Future[HookThread] = loop.create_future()
        self.outcome: asyncio.Future[Outcome] = loop.create_future()
        self.coroutine: Coroutine[Any, Any, None] | None = None
        self.task: asyncio.Task[None] | None = None
        self._loop = loop
        self._unclaimed = threading.Lock()

    @property
    def is_running(self) -> bool:
        """Whether the hook has begun, and is not awaiting anything at this moment."""
        return inspect.iscoroutine(self.coroutine) and self.coroutine.cr_running

    def claim(self) -> bool:
        """Return True for the first thread that calls this, which then runs the hook."""
        return self._unclaimed.acquire(blocking=False)

    def give_up(self, thread: HookThread) -> None:
        """End the call: the code that waits for it gets HooksStopped."""
        if not self.begun.done():
            self.begun.set_result(thread)
        if not self.outcome.done():
            self.outcome.set_result(Outcome(None, HooksStopped()))

    def tell(self, future: asyncio.Future[Any], value: Any) -> None:
        """Set the result of a future from the hooks' thread, if anything still waits for it."""
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(lambda: None if future.done() else future.set_result(value))


class HookThread:
    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._is_over = False
        # A daemon thread, because a hook that never ends must not prevent the process from ending.
        self._thread = threading.Thread(target=self._run, name="hooks", daemon=True)
        self._thread.start()

    def begin(self, call: HookCall) -> None:
        self._soon(lambda: self._begin(call))

    def cancel(self, call: HookCall) -> None:
        self._soon(lambda: call.task.cancel() if call.task is not None else None)

    async def is_blocked(self) -> bool:
        """Whether code that runs in the thread keeps other hooks from running."""
        alive = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._soon(lambda: loop.call_soon_threadsafe(alive.set))
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await alive.wait()
        return not alive.is_set()

    def interrupt(self) -> None:
        """Raise `_Interrupted` in the thread as soon as it runs Python code. This ends even an endless loop."""
        assert self._thread.ident is not None
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread.ident), ctypes.py_object(_Interrupted))

    def abandon(self) -> None:
        """Start no more calls. When the code that blocks the thread ends, cancel the other calls in this thread, and
        end the thread. These calls must not run at the same time as those of the new thread."""
        self._is_over = True
        self._soon(self._cancel_all)

    def stop(self) -> None:
        """Start no more calls, and end the running ones as far as possible."""
        self._is_over = True
        self._soon(self._cancel_all)
        self._thread.join(STOP_WITHIN_S)
        if self._thread.is_alive():
            self.interrupt()

    def __str__(self) -> str:
        """Return the stack of the code that runs in the thread now, formatted like a traceback."""
        assert self._thread.ident is not None
        stack = traceback.extract_stack(sys._current_frames().get(self._thread.ident))
        ours = [at for at, frame in enumerate(stack) if frame.filename == __file__]
        return _shown("".join(traceback.format_list(stack[ours[-1] + 1 if ours else 0 :])))

    def _soon(self, work: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop is closed, because the thread has ended
            self._loop.call_soon_threadsafe(work)

    def _begin(self, call: HookCall) -> None:
        if self._is_over:  # another thread may already run the call
            return
        call.coroutine = self._do(call)
        call.task = self._loop.create_task(call.coroutine)

    async def _do(self, call: HookCall) -> None:
        if self._is_over or not call.claim():
            return
        call.tell(call.begun, self)
        try:
            answer = call.hook()
            while inspect.isawaitable(answer):
                answer = await answer
            outcome = Outcome(call.check(answer))
        except SidecarError as error:
            outcome = Outcome(None, error)
        except BaseException as error:  # a hook may even raise SystemExit or KeyboardInterrupt
            outcome = Outcome(None, HookRaised(visible(type(error).__name__), _shown(_traceback_of(error))))
        call.tell(call.outcome, outcome)

    def _cancel_all(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.call_soon(self._loop.call_soon, self._loop.stop)  # after the tasks have handled the cancellation

    def _run(self) -> None:
        with suppress(_Interrupted):
            while not self._is_over:
                # A task that a hook has started may raise an exception that ends the loop, such as SystemExit.
                with suppress(BaseException):
                    self._loop.run_forever()
            self._loop.set_exception_handler(lambda *_: None)  # suppresses warnings about tasks that have not ended
            self._loop.close()


def _traceback_of(error: BaseException) -> str:
    """Return the traceback of an exception without the stack frames of this file."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames))


def _shown(text: str) -> str:
    """Make a text of a hook safe to print: it may contain characters that control a terminal."""
    return "\n".join(map(visible, text.rstrip().split("\n")))
