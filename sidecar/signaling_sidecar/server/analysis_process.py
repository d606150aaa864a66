"""Starts the process that analyses the event log, sends requests to it, and ends it when there are no requests."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from signaling_sidecar.analysis.messages import LENGTH_BYTES, OUT_OF_MEMORY, Begin, Reply, Request, framed
from signaling_sidecar.errors import NOT_JSON

IDLE_S = 15.0  # seconds without a request, after which the process is ended, so that its memory is freed
LONGEST_PAUSE_S = 30.0  # seconds; the longest backoff before a process that has failed is started again
_OWN_GROUP: dict[str, Any]
"""Options with which Ctrl-C in a terminal does not reach the process. The server ends the process instead."""
if sys.platform == "win32":
    _OWN_GROUP = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
else:
    _OWN_GROUP = {"start_new_session": True}


class AnalysisFailed(Exception):
    """A request to the process has failed. The message is a sentence for the user of the inspector or the API."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class AnalysisProcess:
    """Analyses the log in `folder`, which the run `boot` of the sidecar writes. The first request starts a process."""

    def __init__(self, folder: Path, boot: str) -> None:
        self._begin = Begin(str(folder.absolute()), boot)
        self._child: _Child | None = None
        self._starting_or_ending = asyncio.Lock()
        self._is_over = False
        self._requests = 0
        """How many requests wait for their replies."""
        self._failures = 0
        """How many times in a row the process could not be started, has ended unexpectedly, or ran out of memory."""
        self._paused_until_s = 0.0
        self._idle: asyncio.TimerHandle | None = None
        self._resting: asyncio.Task[None] | None = None

    async def ask(self, request: Request) -> bytes:
        """Return the body of the reply. Raises AnalysisFailed."""
        self._requests += 1
        try:
            async with self._starting_or_ending:
                child = await self._running()
            try:
                reply = await child.ask(request)
            except EOFError:
                raise await self._failure(child) from None
        finally:
            self._requests -= 1
            self._end_when_idle()
        if reply.code == OUT_OF_MEMORY:
            self._pause()
        else:
            self._failures = 0
        if reply.code:
            raise AnalysisFailed(reply.code, reply.body.decode())
        return reply.body

    async def stop(self) -> None:
        """End the process, because the server stops. Open requests raise AnalysisFailed."""
        self._is_over = True
        if self._idle is not None:
            self._idle.cancel()
        async with self._starting_or_ending:
            await self._end()

    async def _running(self) -> _Child:
        if self._is_over:
            raise _stopping()
        if self._child is not None and not self._child.has_ended:
            return self._child
        if asyncio.get_running_loop().time() < self._paused_until_s:
            raise _not_running("it has ended, and is started again in a moment")
        await self._end()
        try:
            self._child = await _start(self._begin)
        except OSError as error:
            self._pause()
            raise _not_running(f"it cannot be started: {error}") from None
        return self._child

    async def _failure(self, child: _Child) -> AnalysisFailed:
        """Return the error for a request whose process has ended before it has replied."""
        how = await child.ended()
        if self._is_over:
            return _stopping()
        if child is self._child:
            self._child = None
            self._pause()
        return _not_running(f"it has ended ({how}), and is started again")

    def _pause(self) -> None:
        """Delay the next start of the process with exponential backoff, because the process may fail every time, for
        example for lack of memory."""
        pause_s = min(2**self._failures - 1, LONGEST_PAUSE_S)  # a float would overflow after a thousand failures
        self._failures += 1
        self._paused_until_s = asyncio.get_running_loop().time() + pause_s

    def _end_when_idle(self) -> None:
        def rest() -> None:
            self._resting = asyncio.create_task(self._rest())

        if self._idle is not None:
            self._idle.cancel()
        if not self._is_over:
            self._idle = asyncio.get_running_loop().call_later(IDLE_S, rest)

    async def _rest(self) -> None:
        async with self._starting_or_ending:
            if not self._requests:
                await self._end()

    async def _end(self) -> None:
        if self._child is not None:
            child, self._child = self._child, None
            child.kill()
            await child.ended()


class _Child:
    """One process that runs `signaling_sidecar.analysis`."""

    def __init__(self, process: asyncio.subprocess.Process, begin: Begin) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._requests, self._replies = process, process.stdin, process.stdout
        self._waiting: deque[asyncio.Future[Reply]] = deque()
        """The open requests, oldest first. The process replies in this order."""
        self.has_ended = False
        self._is_readable = True
        self._requests.write(framed(begin))
        self._reading = asyncio.create_task(self._read())

    async def ask(self, request: Request) -> Reply:
        """Send a request, and wait for its reply. Raises EOFError if the process ends before it has replied."""
        message = framed(request)
        waiting: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        self._requests.write(message)
        return await waiting

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()

    async def ended(self) -> str:
        """Wait until the process has ended, and return a description of how it has ended."""
        await asyncio.shield(self._reading)
        if not self._is_readable:
            return "its reply could not be read"
        code = self._process.returncode
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"

    async def _read(self) -> None:
        try:
            while True:
                size = int.from_bytes(await self._replies.readexactly(LENGTH_BYTES), "big")
                reply = _decode(await self._replies.readexactly(size))
                waiting = self._waiting.popleft()
                if not waiting.done():
                    waiting.set_result(reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except NOT_JSON:  # for example, if the process runs a newer version that was just installed
            self._is_readable = False
            self.kill()
        self.has_ended = True
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(EOFError())
        self._requests.close()
        await self._process.wait()


_decode = msgspec.msgpack.Decoder(Reply).decode


async def _start(begin: Begin) -> _Child:
    # Without -P, Python would import a module of the user's project, the current folder, instead of one of ours.
    command = [sys.executable, "-P", "-m", "signaling_sidecar.analysis"]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **_OWN_GROUP
    )
    return _Child(process, begin)


def _not_running(why: str) -> AnalysisFailed:
    return AnalysisFailed("analysis-ended", f"the process that analyses the event log is not running: {why}")


def _stopping() -> AnalysisFailed:
    return AnalysisFailed("analysis-ended", "the sidecar is stopping")
