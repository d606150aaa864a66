"""Waiting until a file is saved."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Collection
from importlib import import_module
from pathlib import Path
from types import ModuleType

DEBOUNCE_MS = 30  # milliseconds after the last change of one save; the changes that an editor makes are within a few ms
STEP_MS = 10  # milliseconds between two checks for more changes
LOOK_MS = 1000  # milliseconds that a check for changes takes when there are none
EMPTY_FOR_S = 0.5  # seconds until an empty file counts as saved; many editors empty a file before they write it
EMPTY_LOOK_S = 0.02  # seconds between two checks of an empty file

logger = logging.getLogger("signaling_sidecar")


async def saves(path: Path) -> AsyncIterator[None]:
    """Yield each time the file has been saved, whether in place or by a rename. The file need not exist yet, and if it
    disappears, a warning says that its last version stays in use."""
    is_there = _size(path) is not None
    async for _ in _changes(path):
        looks = int(EMPTY_FOR_S / EMPTY_LOOK_S)
        while not _size(path) and looks:
            await asyncio.sleep(EMPTY_LOOK_S)
            looks -= 1
        was_there, is_there = is_there, _size(path) is not None
        if is_there:
            yield
        elif was_there:
            logger.warning(
                "%s cannot be found any more; what was read from it stays in use", path, extra={"code": "file-gone"}
            )


async def _changes(path: Path) -> AsyncIterator[None]:
    before = _version(path)
    # It is imported in a thread, because the import takes long, and the sidecar should begin to serve meanwhile.
    watchfiles = await asyncio.to_thread(import_module, "watchfiles")
    seen = _version(path)
    if seen != before:
        yield
    # A save before the watch begins, for example during the `yield` above, is only noticed by the version of the file.
    async for changed in _looks(watchfiles, path.parent):
        if path in changed or _version(path) != seen:
            seen = _version(path)
            yield


async def _looks(watchfiles: ModuleType, folder: Path) -> AsyncIterator[Collection[Path]]:
    """Yield the files that have changed in the folder, and every `LOOK_MS` nothing if none have."""
    while True:
        try:
            async for changes in watchfiles.awatch(
                folder,
                watch_filter=None,
                debounce=DEBOUNCE_MS,
                step=STEP_MS,
                recursive=False,
                rust_timeout=LOOK_MS,
                yield_on_timeout=True,
            ):
                yield {Path(changed) for _, changed in changes}
        except (OSError, RuntimeError):  # the folder is gone, or the programs of this user watch too many files already
            await asyncio.sleep(LOOK_MS / 1000)
            yield ()


def _version(path: Path) -> tuple[int, int, int] | None:
    """Return what differs after each save, or None if the file does not exist or cannot be examined."""
    status = _status(path)
    return (status.st_ino, status.st_mtime_ns, status.st_size) if status is not None else None


def _size(path: Path) -> int | None:
    """Return the size of the file in bytes, or None if it does not exist or cannot be examined. Some editors move the
    file away before they write it."""
    status = _status(path)
    return status.st_size if status is not None else None


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
