"""Delete an event log, whether or not its sidecar is running."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from signaling_sidecar.errors import StateDirTaken
from signaling_sidecar.eventlog.retention import SEGMENT_GLOB
from signaling_sidecar.eventlog.state_dir import lock


class Cleared(NamedTuple):
    """How much was deleted, and which segment was kept."""

    files: int
    size_bytes: int
    kept: Path | None
    """The segment that was kept because a sidecar is writing it, or because it is unknown whether one is. None if no
    sidecar is running."""
    not_locked: str | None = None
    """The reason why the folder could not be locked. It is then unknown whether a sidecar is running."""


def clear(folder: Path) -> Cleared:
    """Delete the segments in a state folder, and unreadable segments that older releases have renamed.

    If a sidecar is running, its newest segment is kept. This segment begins with a checkpoint, from which all
    sessions can still be restored. A sidecar is running if it holds the lock of the folder. The lock of a killed
    process is released. This function holds the lock while it deletes, so that no sidecar can start meanwhile.
    """
    if not any(folder.glob(SEGMENT_GLOB)):
        return Cleared(0, 0, None)
    try:
        held = lock(folder)
    except StateDirTaken:
        return _clear_closed(folder)
    except OSError as error:  # without the lock, it is unknown whether a sidecar is running
        return _clear_closed(folder)._replace(not_locked=error.strerror or str(error))
    try:
        return Cleared(*_delete(list(folder.glob(SEGMENT_GLOB))), None)
    finally:
        os.close(held)


def _clear_closed(folder: Path) -> Cleared:
    """Delete all segments except the newest. The folder is listed again until it contains no other segment, because the
    sidecar may be compressing a segment, which gives it another name."""
    files = size_bytes = 0
    while True:
        segments = sorted(folder.glob("events-*.jsonl"))
        # While a segment is compressed, its file first has the first of these names, and then the second. The names are
        # searched in this order, so that a file that is renamed meanwhile is not missed.
        patterns = ("events-*.jsonl.gz.new", "events-*.jsonl.gz", "events-*.unreadable")
        closed = [*segments[:-1], *(path for pattern in patterns for path in folder.glob(pattern))]
        if not closed:
            return Cleared(files, size_bytes, segments[-1] if segments else None)
        more_files, more_bytes = _delete(closed)
        files, size_bytes = files + more_files, size_bytes + more_bytes


def _delete(paths: list[Path]) -> tuple[int, int]:
    """Delete files, and return their number and size. A file that a running sidecar has just compressed or deleted is
    not counted."""
    files = size_bytes = 0
    for path in paths:
        try:
            size = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            continue
        files, size_bytes = files + 1, size_bytes + size
    return files, size_bytes
