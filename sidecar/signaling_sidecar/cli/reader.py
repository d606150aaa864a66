"""Find out whether the program that reads the output of a command has closed the pipe, as in `sidecar tail | head`.

A command that waits for news would otherwise notice this only when it prints the next line, perhaps after hours.
"""

from __future__ import annotations

import select
import time

STDOUT = 1


def pause(seconds: float) -> None:
    """Wait. Raises BrokenPipeError if nobody reads the output any more."""
    check_reader()
    time.sleep(seconds)


def check_reader() -> None:
    """Raise BrokenPipeError if nobody reads the output any more. Windows cannot tell."""
    if hasattr(select, "poll"):
        pipe = select.poll()
        pipe.register(STDOUT, 0)
        if any(events & (select.POLLERR | select.POLLHUP) for _, events in pipe.poll(0)):
            raise BrokenPipeError
