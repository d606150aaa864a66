"""Watch one file, and report each time it is saved."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Collection
from importlib import import_module
from pathlib import Path
from types import ModuleType

DEBOUNCE_MS = 30  # milliseconds; changes within this time are one save: an editor may make several within a few ms
STEP_MS = 10  # milliseconds between two checks while changes are debounced
LOOK_MS = 1000  # milliseconds; the timeout of one wait for changes
EMPTY_FOR_S = 0.5  # seconds until an empty file counts as saved; many editors empty a file before they write it
EMPTY_LOOK_S = 0.02  # seconds between two checks of an empty file

Version = tuple[int, int, int]  # values of which at least one differs after each save
UNREAD: Version = (0, 0, 0)  # the version of no file

logger = logging.getLogger("signaling_sidecar")


async def saves(path: Path, read: Version | None) -> AsyncIterator[None]:
    """Yield each time the file has been saved, either in place or by renaming another file to its name.

    `read` is the version of the file before the caller has read it. If the file was saved since, this yields at once.
    The file need not exist yet. If the file disappears, a warning says that its last content stays in use.
    """
    is_there = _size(path) is not None
    async for _ in _changes(path, read):
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


async def _changes(path: Path, before: Version | None) -> AsyncIterator[None]:
    # The module is imported in a thread, because the import takes long and would block the event loop of the sidecar.
    watchfiles = await asyncio.to_thread(import_module, "watchfiles")
    seen = version(path)
    if seen != before:
        yield
    # watchfiles does not report a save before it begins to watch, for example during the `yield` above. Comparing the
    # version of the file detects such a save.
    async for changed in _looks(watchfiles, path.parent):
        if path in changed or version(path) != seen:
            seen = version(path)
            yield


async def _looks(watchfiles: ModuleType, folder: Path) -> AsyncIterator[Collection[Path]]:
    """Yield the paths that have changed in the folder, or no paths if nothing has changed for `LOOK_MS`."""
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
        except (OSError, RuntimeError):  # the folder does not exist, or this user watches too many files
            await asyncio.sleep(LOOK_MS / 1000)
            yield ()


def version(path: Path) -> Version | None:
    """Return the version of the file, or None if it cannot be found or examined."""
    status = _status(path)
    return (status.st_ino, status.st_mtime_ns, status.st_size) if status is not None else None


def _size(path: Path) -> int | None:
    """Return the size of the file in bytes, or None if it does not exist or cannot be examined. Some editors rename the
    old file before they write the new one, so that it does not exist for a moment."""
    status = _status(path)
    return status.st_size if status is not None else None


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
