"""When a file has been saved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

DEBOUNCE_MS = 30  # after the last of the changes that one save makes; an editor's are within a few ms
STEP_MS = 10  # between two looks for more changes
EMPTY_FOR_S = 0.5  # seconds until an empty file is believed; many editors empty it before they write
EMPTY_LOOK_S = 0.02  # seconds between two looks at an empty one


async def saves(path: Path) -> AsyncIterator[None]:
    """Whenever the file has been saved, in place or by moving another to where it is. It need not exist yet."""
    from watchfiles import awatch  # only who has something to watch waits for this import

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
    """In bytes; None: it is not there. Some editors move the old one away before they write the new one."""
    return path.stat().st_size if path.exists() else None
