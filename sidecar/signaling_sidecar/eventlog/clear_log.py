"""Deleting a log, of a sidecar that runs or does not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from signaling_sidecar.errors import StateDirTaken
from signaling_sidecar.eventlog.state_dir import lock
from signaling_sidecar.eventlog.writer import SEGMENT_GLOB


class Cleared(NamedTuple):
    """What was deleted, and the segment that was not."""

    files: int
    size_bytes: int
    kept: Path | None
    """The segment that a running sidecar writes; None: nothing runs."""


def clear(folder: Path) -> Cleared:
    """Delete the segments in a state folder, and what older releases put aside of them.

    A running sidecar keeps its newest segment, which begins with a checkpoint: nobody loses a place. Whether one runs
    is asked of the lock, which a killed one does not hold. None can start while its log is being deleted.
    """
    if not any(folder.glob(SEGMENT_GLOB)):
        return Cleared(0, 0, None)
    try:
        held = lock(folder)
    except StateDirTaken:
        segments = sorted(folder.glob("events-*.jsonl"))
        closed = [*segments[:-1], *folder.glob("events-*.jsonl.gz"), *folder.glob("events-*.unreadable")]
        return Cleared(*_delete(closed), segments[-1] if segments else None)
    try:
        return Cleared(*_delete(list(folder.glob(SEGMENT_GLOB))), None)
    finally:
        os.close(held)


def _delete(paths: list[Path]) -> tuple[int, int]:
    """Delete the files; one that a running sidecar packed or dropped meanwhile is not counted."""
    files = size_bytes = 0
    for path in paths:
        try:
            size = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            continue
        files, size_bytes = files + 1, size_bytes + size
    return files, size_bytes
