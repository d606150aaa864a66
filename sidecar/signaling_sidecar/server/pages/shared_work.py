"""Runs blocking work in a thread, and shares its result between requests that come at about the same time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

Result = TypeVar("Result")


class SharedWork(Generic[Result]):
    """Runs work in a thread, and caches its result for `kept_s` seconds. While the work is running or the result is
    cached, all calls of `ask` get the same result."""

    def __init__(self, kept_s: float) -> None:
        self._kept_s = kept_s
        self._done: asyncio.Future[Result] | None = None

    async def ask(self, work: Callable[[], Result]) -> Result:
        """Return the result of `work`, or the cached result of an earlier call. Raises the exceptions of `work`."""
        if self._done is None:
            loop = asyncio.get_running_loop()
            self._done = _in_a_thread(work)
            self._done.add_done_callback(lambda _: loop.call_later(self._kept_s, self._forget))
        return await asyncio.shield(self._done)

    def _forget(self) -> None:
        self._done = None


def _in_a_thread(work: Callable[[], Result]) -> asyncio.Future[Result]:
    """Run the work in a daemon thread, because an event loop that stops waits for the threads of its executor."""
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
