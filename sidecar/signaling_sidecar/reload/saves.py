"""Waiting until a file is saved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

DEBOUNCE_MS = 30  # after the last change of one save; the changes that an editor makes are within a few ms
STEP_MS = 10  # between two checks for more changes
EMPTY_FOR_S = 0.5  # seconds until an empty file counts as saved; many editors empty a file before they write it
EMPTY_LOOK_S = 0.02  # seconds between two checks of an empty file


async def saves(path: Path) -> AsyncIterator[None]:
    """Yield each time the file has been saved, whether in place or by a rename. The file need not exist yet."""
    from watchfiles import awatch  # imported here, because a run that watches no file should not wait for it

    changes = awatch(
        path.parent,
        watch_filter=lambda _, changed: Path(changed) == path,
        debounce=DEBOUNCE_MS,
        step=STEP_MS,
        recursive=False,
    )
    async for _ in changes:
        looks = int(EMPTY_FOR_S / EMPTY_LOOK_S)
        while not _size(path) and looks:
            await asyncio.sleep(EMPTY_LOOK_S)
            looks -= 1
        if _size(path) is not None:
            yield


def _size(path: Path) -> int | None:
    """Return the size of the file in bytes, or None if it does not exist. Some editors move the file away before they
    write it."""
    return path.stat().st_size if path.exists() else None
