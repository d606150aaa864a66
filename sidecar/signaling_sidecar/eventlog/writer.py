"""The writing side of the event log. This file owns the open segment.

1. `flush` returns only when the kernel has every appended line, so what is sent afterwards is in the log, even after
   `kill -9`.
2. A segment begins with a header and a checkpoint, and changes only at a line's end.
3. When the disk refuses, signaling goes on: the lines are counted, the operator is told once, and the first line that
   can be written again says how many are missing.
"""

from __future__ import annotations

import gzip
import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from signaling_sidecar.eventlog.line import write_line
from signaling_sidecar.eventlog.payload import summarise
from signaling_sidecar.hub import Checkpoint
from signaling_sidecar.hub.effects import Record

GZIP_LEVEL = 1  # a third of the time of the default level, and the log of a busy minute is still a tenth of its size
CHUNK_BYTES = 256 * 1024  # takes 1 to 3 ms to pack; then the thread pauses
PAUSE_S = 0.05  # seconds; so packing takes a twentieth of one core at most, and 13 s for a full segment
SEGMENT_GLOB = "events-*.jsonl*"
_to_json = msgspec.json.Encoder().encode


class LogWriter:
    """Appends records to the segments of one boot in `folder`.

    `checkpoint` gives the hub's state when a segment begins. `complain` is told in one sentence when the disk refuses.
    `payloads`, `segment_bytes`, `total_bytes` and `keep_s` may be set at any time.
    """

    def __init__(
        self,
        folder: Path,
        boot: str,
        *,
        header: Mapping[str, Any],
        checkpoint: Callable[[], Checkpoint],
        payloads: str,
        segment_bytes: int,
        total_bytes: int,
        keep_s: float,
        complain: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._boot = boot
        self._header = header
        self._checkpoint = checkpoint
        self.payloads = payloads
        self.segment_bytes = segment_bytes
        self.total_bytes = total_bytes
        self.keep_s = keep_s
        self._complain = complain
        self.listeners: set[Callable[[list[bytes]], None]] = set()
        """Called with the lines that were written, after they were."""
        self._seq = 0
        self._ts = 0.0
        self._lines: list[bytes] = []
        self._lost = 0
        self._segment = 0
        self._descriptor = -1
        self._size = 0
        self._rotate_at = segment_bytes
        self._tidying = ThreadPoolExecutor(1, "log-tidy")
        self._closing = threading.Event()

    @property
    def path(self) -> Path:
        """The segment that is written now."""
        return self._path(self._segment)

    def _path(self, segment: int) -> Path:
        return self._folder / f"events-{self._boot}-{segment:04}.jsonl"

    def open(self) -> None:
        """Begin the first segment. Raises OSError where nothing can be written."""
        self._begin_segment()
        self._tidying.submit(self._tidy, self.path)

    def append(self, record: Record) -> None:
        """Keep a record for the next `flush`. The records of one flush share one time."""
        if not self._lines:
            self._ts = round(time.time(), 6)
        self._lines.append(self._line(record))

    def flush(self) -> None:
        """Hand all appended records to the kernel."""
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        if self._lost:
            lines.insert(0, self._line(Record("log.gap", data={"lost": self._lost})))
        try:
            self._write(b"".join(lines))
        except OSError as error:
            if not self._lost:
                self._complain(f"the event log cannot be written ({error}): signaling goes on without it")
            self._lost += len(lines) - (1 if self._lost else 0)
            return
        if self._lost:
            self._complain(f"the event log is written again; {self._lost} records are missing from it")
            self._lost = 0
        for listener in self.listeners:
            listener(lines)
        if self._size >= self._rotate_at:
            self._rotate()

    def close(self) -> None:
        """Write what is left and end the segment."""
        self.flush()
        os.close(self._descriptor)
        self._closing.set()  # what is not packed yet is packed after the next start
        self._tidying.shutdown(cancel_futures=True)

    def _line(self, record: Record) -> bytes:
        self._seq += 1
        return write_line(record, self._seq, self._ts, self._data(record))

    def _data(self, record: Record) -> str | None:
        data = record.data
        if data is None:
            return None
        if not isinstance(data, bytes):
            return _to_json(data).decode()
        if record.type != "signal.relayed" or self.payloads == "full":
            return data.decode()
        return summarise(data) if self.payloads == "summary" else None

    def _write(self, chunk: bytes) -> None:
        try:
            _write_all(self._descriptor, chunk)
        except OSError:
            os.ftruncate(self._descriptor, self._size)  # no half line may stay before the next whole one
            raise
        self._size += len(chunk)

    def _begin_segment(self) -> None:
        """Make the next segment the open one. Raises OSError, and then the open one stays."""
        path = self._path(self._segment + 1)
        self._ts = round(time.time(), 6)
        header = {"boot": self._boot, "segment": self._segment + 1, **self._header}
        beginning = [Record("log.header", data=header), Record("log.checkpoint", data=_to_json(self._checkpoint()))]
        chunk = b"".join(self._line(record) for record in beginning)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _write_all(descriptor, chunk)
        except OSError:
            os.close(descriptor)
            path.unlink()
            raise
        self._segment += 1
        self._descriptor, self._size, self._rotate_at = descriptor, len(chunk), self.segment_bytes

    def _rotate(self) -> None:
        old_descriptor = self._descriptor
        try:
            self._begin_segment()
        except OSError as error:
            self._complain(f"a new segment of the event log cannot be made ({error}): the old one grows")
            self._rotate_at = self._size + self.segment_bytes
            return
        os.close(old_descriptor)
        self._tidying.submit(self._tidy, self.path)

    def _tidy(self, current: Path) -> None:
        """Pack and drop what was closed before `current`, also by a sidecar that was killed. Runs in its own thread."""
        try:
            for path in sorted(self._folder.glob("events-*.jsonl")):
                # Before each: a busy log grows faster than it is packed, and must not outgrow its bound.
                drop_oldest(self._folder, self.total_bytes, self.keep_s, current)
                if path.name < current.name and path.exists():
                    compress(path, self._closing)
        except OSError as error:
            self._complain(f"old segments of the event log cannot be put away: {error}")


def _write_all(descriptor: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]


def compress(path: Path, closing: threading.Event) -> None:
    """Replace a closed segment by its gzip, which has its name only when it is whole; not at all when `closing` is set.

    Slowly: it shares the interpreter with the event loop, and no peer should wait for it.
    """
    target = path.with_name(path.name + ".gz")
    temporary = path.with_name(path.name + ".gz.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with (
        path.open("rb") as source,
        os.fdopen(descriptor, "wb") as file,
        gzip.GzipFile("", "wb", GZIP_LEVEL, file) as packed,
    ):
        while chunk := source.read(CHUNK_BYTES):
            packed.write(chunk)
            if closing.wait(PAUSE_S):
                break
    if closing.is_set():
        temporary.unlink()
        return
    shutil.copystat(path, temporary)  # its age is what decides when it may go
    temporary.replace(target)
    path.unlink()


def drop_oldest(folder: Path, total_bytes: int, keep_s: float, current: Path) -> None:
    """Delete segments before `current`, oldest first, until they fit into `total_bytes`; none younger than `keep_s`.

    Their names are in order, whatever the clock said. One from the future is of a clock that was wrong, and not young.
    """
    segments = [(path.stat(), path) for path in folder.glob(SEGMENT_GLOB) if path.name < current.name]
    segments.sort(key=lambda entry: entry[1].name)
    excess = sum(stat.st_size for stat, _ in segments) - total_bytes
    for stat, path in segments:
        if excess <= 0 or 0 <= time.time() - stat.st_mtime < keep_s:
            return
        path.unlink()
        excess -= stat.st_size
