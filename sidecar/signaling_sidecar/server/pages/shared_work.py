"""Blocking work whose result is shared by all requests that need it at about the same time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

Result = TypeVar("Result")


class SharedWork(Generic[Result]):
    """Work that runs in a thread, once for all callers of `ask` that come before its result has expired.

    A result expires after `kept_s` seconds, or after `rest` times the duration of the work if that is longer, so that
    frequent requests cannot keep the processor busy.
    """

    def __init__(self, kept_s: float, rest: float = 0.0) -> None:
        self._kept_s = kept_s
        self._rest = rest
        self._done: asyncio.Future[Result] | None = None

    async def ask(self, work: Callable[[], Result]) -> Result:
        """The result of `work`, or of an earlier call whose result has not expired. Raises the exceptions of `work`."""
        if self._done is None:
            loop = asyncio.get_running_loop()
            begun_s = loop.time()
            self._done = in_a_thread(work)
            self._done.add_done_callback(
                lambda _: loop.call_later(max(self._kept_s, self._rest * (loop.time() - begun_s)), self._forget)
            )
        return await asyncio.shield(self._done)

    def _forget(self) -> None:
        self._done = None


class FreshWork(Generic[Result]):
    """Work that runs in a thread, and whose result is never older than the call of `ask` that returns it.

    Calls that come while the work runs share the next run, which begins when `rest` times the duration of the last run
    have passed.
    """

    def __init__(self, work: Callable[[], Result], rest: float) -> None:
        self._work = work
        self._rest = rest
        self._next: asyncio.Task[Result] | None = None
        self._rested = asyncio.Lock()

    async def ask(self) -> Result:
        """The result of a run that has not begun before this call. Raises the exceptions of the work."""
        if self._next is None:
            self._next = asyncio.create_task(self._run())
        return await asyncio.shield(self._next)

    async def _run(self) -> Result:
        await self._rested.acquire()
        self._next = None
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        try:
            return await in_a_thread(self._work)
        finally:
            loop.call_later(self._rest * (loop.time() - begun_s), self._rested.release)


def in_a_thread(work: Callable[[], Result]) -> asyncio.Future[Result]:
    """Run the work in a daemon thread. A stopping event loop would wait for the threads of its executor."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def fail(error: BaseException) -> None:
        if not future.cancelled():
            future.set_exception(error)

    def succeed(result: Result) -> None:
        if not future.cancelled():
            future.set_result(result)

    def run() -> None:
        with suppress(RuntimeError):  # the loop is closed
            try:
                result = work()
            except BaseException as error:
                loop.call_soon_threadsafe(fail, error)
            else:
                loop.call_soon_threadsafe(succeed, result)

    threading.Thread(target=run, name=work.__qualname__, daemon=True).start()
    return future
