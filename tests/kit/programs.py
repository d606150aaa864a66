"""Programs that tests start. Each one is in a separate process group, which is killed at the end of the test."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

STARTS_WITHIN_S = 60.0  # seconds; browsers of other tests may keep two slow cores busy
ENDS_WITHIN_S = 30.0  # seconds; on an idle machine, the sidecar takes up to 5 s to close its connections
LAST_LINES_WITHIN_S = 1  # seconds, in which the last output of an ended program is read
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 0.25
ANSI = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
IN_A_TERMINAL = [sys.executable, "-c", "import pty, sys; pty.spawn(sys.argv[1:])"]
"""The beginning of a command line that runs the command after it in a terminal. Its stdin is the keyboard of the
terminal, and killing it closes the terminal."""


class Program:
    """A running program and the lines it has printed, on stdout and stderr."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self._news = asyncio.Event()
        self._has_ended = False
        self._reading = asyncio.create_task(self._read())

    @property
    def pid(self) -> int:
        return self.process.pid

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(ANSI.sub("", line.decode(errors="replace")).rstrip())
            self._news.set()
        self._has_ended = True
        self._news.set()

    async def line(self, pattern: str, nth: int = 1, within_s: float = STARTS_WITHIN_S) -> re.Match[str]:
        """Wait for the `nth` line (counted from 1) that matches the pattern, and return it."""
        try:
            async with asyncio.timeout(within_s):
                while (found := self._matches(pattern))[nth - 1 : nth] == []:
                    assert not self._has_ended, self._without(pattern, "it has ended")
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(self._without(pattern, f"{within_s:g} s have passed")) from None
        return found[nth - 1]

    def _matches(self, pattern: str) -> list[re.Match[str]]:
        return [match for line in self.lines if (match := re.search(pattern, line))]

    def _without(self, pattern: str, why: str) -> str:
        return f"{why}, without the line {pattern!r} that was waited for, but with:\n" + "\n".join(self.lines)

    def count(self, pattern: str) -> int:
        """The number of printed lines that match the pattern."""
        return len(self._matches(pattern))

    def type(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())

    async def ended(self, within_s: float = ENDS_WITHIN_S) -> int:
        """Wait until the program ends by itself and its output has been read, and return its exit code.

        A child process that still runs may keep the output open. In this case, `ended` waits only a short time for more
        lines.
        """
        async with asyncio.timeout(within_s):
            code = await self.process.wait()
        await asyncio.wait({self._reading}, timeout=LAST_LINES_WITHIN_S)
        return code

    async def stop(self) -> None:
        """Kill all processes of its group, and wait until its output is closed."""
        with contextlib.suppress(ProcessLookupError):  # the whole group may have ended already
            os.killpg(self.pid, signal.SIGKILL)
        await self.process.wait()
        async with asyncio.timeout(ENDS_WITHIN_S):
            await self._reading
        assert self.process.stdin is not None
        self.process.stdin.close()


class Start(Protocol):
    """A function that starts a program, which is killed at the end of the test."""

    def __call__(
        self, words: Sequence[str | Path], cwd: Path, env: Mapping[str, str | None] = ...
    ) -> Awaitable[Program]: ...


async def start_program(words: Sequence[str | Path], cwd: Path, env: Mapping[str, str]) -> Program:
    process = await asyncio.create_subprocess_exec(
        *map(str, words),
        cwd=cwd,
        env=env,
        # stdin is a pipe that stays open: Vite exits when its stdin is closed, which would hide the effect of a signal.
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    return Program(process)


def command_of(pid: int) -> str:
    """The command line of a running process."""
    return _ps("args=", pid)


def is_running(pid: int) -> bool:
    """Whether the process is running. A process that has ended may remain as a zombie if its parent has ended."""
    state = _ps("stat=", pid)
    return state != "" and not state.startswith("Z")


def _ps(what: str, pid: int) -> str:
    words = ["ps", "-ww", "-o", what, "-p", str(pid)]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()


async def until(condition: Callable[[], object], what: str, within_s: float = ENDS_WITHIN_S) -> None:
    """Poll until a condition is true. This is for conditions without an event, such as the end of a foreign process."""
    pause_s = SHORTEST_PAUSE_S
    try:
        async with asyncio.timeout(within_s):
            while not condition():
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 1.1, LONGEST_PAUSE_S)  # many conditions read a whole log
    except TimeoutError:
        raise AssertionError(f"not within {within_s:g} s: {what}") from None
