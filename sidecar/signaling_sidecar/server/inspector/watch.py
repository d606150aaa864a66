"""Shares one look at the log between all who watch, and looks only while somebody does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from signaling_sidecar.eventlog import LogWriter
from signaling_sidecar.server.pages.shared_work import FreshWork

if TYPE_CHECKING:
    from signaling_sidecar.server.inspector.seen import Looker, Seen

REST = 2.0  # times the duration; a look at a busy log takes half a second, and may use a third of a processor
KEPT_S = 1.0  # seconds for which a look at a log that has grown meanwhile is good enough
FORGOTTEN_AFTER_S = 60.0  # seconds after the last request


class Watch:
    """`begin` must be called before the first request. `forget` is called when nobody watches any more."""

    def __init__(self, folder: Path, boot: str, forget: Callable[[], None]) -> None:
        self._folder, self._boot = folder, boot
        self._looker: Looker | None = None
        self._seen: Seen | None = None
        self._seen_s = 0.0
        self._streams = 0
        self._is_wanted = False
        self._written = self._seen_written = 0
        """How many groups of lines have been written, and how many of them the last look includes."""
        self._news = asyncio.Event()
        self._work: FreshWork[Seen] = FreshWork(self._look, REST)
        self._forget_too = forget
        self._forgetting: asyncio.TimerHandle | None = None

    def begin(self, log: LogWriter) -> None:
        log.listeners.add(self._tell)

    @contextmanager
    def streaming(self) -> Iterator[None]:
        """Promise to call `fresh` again and again, so that other requests need not look by themselves."""
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1

    def wake(self) -> None:
        """Let all who wait for news go on."""
        self._news.set()
        self._news = asyncio.Event()

    def _tell(self, text: bytes) -> None:
        self._written += 1
        if self._looker is not None:
            self.wake()

    async def news(self, within_s: float) -> None:
        """Wait until something is added to the log, at most `within_s`."""
        try:
            async with asyncio.timeout(within_s):
                await self._news.wait()
        except TimeoutError:
            pass

    async def newest(self) -> Seen:
        """Return what the log shows now, or showed a moment ago. Raises NoLog and OSError."""
        loop = asyncio.get_running_loop()
        if self._seen is not None:
            is_new = loop.time() - self._seen_s < KEPT_S
            if self._streams or is_new or not self.is_stale:
                return self._seen
        return await self.fresh()

    async def fresh(self) -> Seen:
        """Look at the log again. Raises NoLog and OSError."""
        loop = asyncio.get_running_loop()
        if self._forgetting is None:
            self._forgetting = loop.call_later(FORGOTTEN_AFTER_S, self._forget)
        self._is_wanted = True
        written = self._written
        seen = await self._work.ask()
        if written >= self._seen_written:
            self._seen, self._seen_s, self._seen_written = seen, loop.time(), written
        return seen

    @property
    def has_grown(self) -> bool:
        """Whether something was added to the log since the last look began."""
        return self._written != self._seen_written

    @property
    def is_stale(self) -> bool:
        """Whether another look may show more than the last one."""
        return self._seen is None or self.has_grown or self._seen.may_change

    def _look(self) -> Seen:
        looker = self._looker
        if looker is None:
            # Nobody who does not watch should pay for the import, which takes a tenth of a second.
            from signaling_sidecar.server.inspector.seen import Looker

            looker = self._looker = Looker(self._folder, self._boot)
        return looker.look()

    def _forget(self) -> None:
        """Free the memory, unless somebody has looked at the log since the last call."""
        self._forgetting = None
        if self._streams or self._is_wanted:
            self._is_wanted = False
            self._forgetting = asyncio.get_running_loop().call_later(FORGOTTEN_AFTER_S, self._forget)
            return
        self._looker = self._seen = None
        self._forget_too()
