"""Run the server of a benchmark and its clients on different processor cores, where the system allows that."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

SERVER, LOAD = 0, 1
"""The first and the second core that this process may use."""


@contextmanager
def on_core(number: int) -> Iterator[None]:
    """Let the processes that are started in the block use only one core. This does nothing on macOS and Windows, or if
    there is only one core."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else set()
    if len(allowed) < 2:
        yield
        return
    os.sched_setaffinity(0, {sorted(allowed)[number]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
