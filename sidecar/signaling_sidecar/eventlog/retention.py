"""Compress finished segments, and delete the oldest ones when the event log has become too large."""

from __future__ import annotations

import gzip
import os
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from signaling_sidecar.eventlog.open_flags import BYTES, NO_LINK

GZIP_LEVEL = 1  # takes a third of the time of the default level, and still compresses a typical log to a tenth
CHUNK_BYTES = 256 * 1024  # compressing this much takes 1 to 3 ms; then the thread pauses
PAUSE_S = 0.05  # seconds; so compressing uses at most a twentieth of one core, and takes 2 s for a full segment
# Segments are compressed only when no other segment has begun for this many seconds. If a log grows faster, most of its
# segments are deleted soon, and compressing them would delay the frames of peers.
SETTLE_S = 1.0
SEGMENT_GLOB = "events-*.jsonl*"


class Retention:
    """Compresses and deletes finished segments, in a separate thread.

    If compressing or deleting fails, `complain` is called with one sentence for the operator.
    """

    def __init__(self, complain: Callable[[str], None]) -> None:
        self._complain = complain
        self._has_complained = False
        self._thread = ThreadPoolExecutor(1, "log-retention")
        self._stopping = threading.Event()
        self._newest: Path
        """The segment that was begun last."""

    def tidy(self, segment: Path, total_bytes: int, keep_s: float) -> None:
        """Make the thread compress and delete segments. `segment` is the open segment. All other segments in its folder
        are finished, including the segments of earlier runs.

        Must be called when a segment was begun, and repeatedly, because segments become old and limits change."""
        self._newest = segment
        self._thread.submit(self._tidy, segment, total_bytes, keep_s)

    def close(self) -> None:
        """Stop the thread without waiting until a segment is compressed. The next start compresses the remaining
        segments."""
        self._stopping.set()
        self._thread.shutdown(cancel_futures=True)

    def _tidy(self, segment: Path, total_bytes: int, keep_s: float) -> None:
        if segment != self._newest or self._stopping.wait(SETTLE_S):
            return
        folder = segment.parent
        try:
            delete_oldest(folder, self._newest, total_bytes=total_bytes, keep_s=keep_s)
            for path in sorted(folder.glob("events-*.jsonl")):
                if segment != self._newest or self._stopping.is_set():
                    return  # the call for the newer segment, or the next start, compresses the others
                if path.name < segment.name and path.is_file() and not path.is_symlink():
                    compress(path, self._stopping)
            self._has_complained = False
        except FileNotFoundError:
            pass  # the log was moved or deleted meanwhile, which `look_after` notices and reports
        except OSError as error:
            if not self._has_complained:
                self._complain(f"old segments of the event log cannot be compressed or deleted: {error}")
            self._has_complained = True


def compress(path: Path, stopping: threading.Event) -> None:
    """Replace a finished segment by a gzip file, atomically. If `stopping` is set before the gzip file is complete,
    nothing is changed.

    Compressing is slow on purpose, because it shares the interpreter with the event loop, and must not delay the frames
    of peers.
    """
    target = path.with_name(path.name + ".gz")
    temporary = path.with_name(path.name + ".gz.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | NO_LINK | BYTES, 0o600)
    try:
        with (
            os.fdopen(descriptor, "wb") as file,
            path.open("rb") as source,
            gzip.GzipFile("", "wb", GZIP_LEVEL, file) as packed,
        ):
            while chunk := source.read(CHUNK_BYTES):
                packed.write(chunk)
                if stopping.wait(PAUSE_S):
                    return
        shutil.copystat(path, temporary)  # `delete_oldest` needs the time of the last record
        temporary.replace(target)
    finally:  # no copy may remain if `sidecar log clear` has deleted the segment meanwhile
        temporary.unlink(missing_ok=True)
    path.unlink()


def delete_oldest(folder: Path, current: Path, *, total_bytes: int, keep_s: float) -> None:
    """Delete the oldest segments before `current` until the segments before `current` fit into `total_bytes`.

    Segments that were written within the last `keep_s` seconds are kept. The segments are ordered by name, because the
    clock may have been wrong. A segment with a time in the future does not count as recent.
    """
    segments = [(path.stat(), path) for path in folder.glob(SEGMENT_GLOB) if path.name < current.name]
    segments.sort(key=lambda entry: entry[1].name)
    excess = sum(stat.st_size for stat, _ in segments) - total_bytes
    for stat, path in segments:
        if excess <= 0 or 0 <= time.time() - stat.st_mtime < keep_s:
            return
        path.unlink()
        excess -= stat.st_size
