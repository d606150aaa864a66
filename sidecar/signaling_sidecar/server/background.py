"""Runs coroutines in background tasks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

logger = logging.getLogger("signaling_sidecar")


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` in a task of its own until the block ends, and cancel it then."""
    task = begin(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


def begin(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Run `work` in a task of its own. If it raises, the exception is logged at once."""
    task = asyncio.create_task(work)
    task.add_done_callback(_tell_of_failure)
    return task


def _tell_of_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        message = "a part of the sidecar has failed, and does not run until the sidecar is restarted"
        logger.error(message, exc_info=error, extra={"code": "part-failed"})
