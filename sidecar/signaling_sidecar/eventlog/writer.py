"""The writing side of the event log. This file owns the open segment.

1. `flush` returns only when the kernel has every appended line, so what is sent afterwards is in the log, even after
   `kill -9`.
2. A segment begins with a header and a checkpoint, and changes only at a line's end. A line whose `seq` is below its
   checkpoint's was still to be written when that was made, and is part of it.
3. When the disk refuses, signaling goes on and `is_written` is false. The segment is not written to any more: a new one
   is begun as soon as that can be done, so no segment has a gap. The operator is told once of each.
4. When the open segment is not in its place any more, or is not as it was left, a new one is begun. What is there
   instead is somebody else's: it is neither written to nor followed.
"""

from __future__ import annotations

import errno
import gzip
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from signaling_sidecar.errors import StateDirTaken
from signaling_sidecar.eventlog.line import write_line
from signaling_sidecar.eventlog.payload import summarise
from signaling_sidecar.hub import Checkpoint
from signaling_sidecar.hub.effects import FRAME_RECORDS, Record

GZIP_LEVEL = 1  # a third of the time of the default level, and the log of a busy minute is still a tenth of its size
CHUNK_BYTES = 256 * 1024  # takes 1 to 3 ms to pack; then the thread pauses
PAUSE_S = 0.05  # seconds; so packing takes a twentieth of one core at most, and 13 s for a full segment
RETRY_SHARE = 20  # times what a try took are waited before the next: a checkpoint may be large
STEADY_S = 30.0  # seconds; on a disk that is full again sooner than that, each try waits for longer than the one before
SEGMENT_GLOB = "events-*.jsonl*"
_to_json = msgspec.json.Encoder().encode


class LogWriter:
    """Appends records to the segments of one boot in `folder`.

    `checkpoint` gives the hub's state when a segment begins. `complain` is told in one sentence when the disk refuses.
    `claim` is called before a segment is made, in a folder that may be a new one: it raises StateDirTaken where that is
    another sidecar's. `look_after` is to be called twice a second. `payloads`, `segment_bytes`, `total_bytes` and
    `keep_s` may be set at any time.
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
        claim: Callable[[], None] = lambda: None,
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
        self._claim = claim
        self.is_written = True
        """False: what happens now is in no log, and does not outlive this process."""
        self.listeners: set[Callable[[list[bytes]], None]] = set()
        """Called with the lines that were written, after they were."""
        self._seq = 0
        self._ts = 0.0
        self._lines: list[bytes] = []
        self._lost = 0
        self._retry_s = self._wait_s = 0.0
        self._resumed_s = -STEADY_S
        """When it could be written again, after it could not."""
        self._segment = 0
        self._descriptor = -1
        self._place = (0, 0)
        """Device and inode of the open segment."""
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
        self._folder = self._folder.resolve()  # the way to it may be a link now, and none may be put there later
        self._begin_segment()

    def append(self, record: Record) -> None:
        """Keep a record for the next `flush`. The records of one flush share one time."""
        if not self._lines:
            self._ts = round(time.time(), 6)
        self._lines.append(self._line(record))

    def flush(self) -> None:
        """Hand all appended records to the kernel, or count them as lost."""
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        if not self.is_written:
            self._lost += len(lines)
            return
        try:
            self._stay_in_place()
            self._write(b"".join(lines))
        except (OSError, StateDirTaken) as error:
            self._lost = len(lines)
            self._give_up(error)
            return
        for listener in self.listeners:
            listener(lines)
        if self._size >= self._rotate_at:
            self._rotate()

    def look_after(self) -> None:
        """Notice that the segment was deleted or replaced, or that the disk takes records again."""
        if self._lines:
            self.flush()
        if self.is_written:
            try:
                self._stay_in_place()
            except (OSError, StateDirTaken) as error:
                self._give_up(error)
        elif time.monotonic() >= self._retry_s:
            self._try_again()

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
        if record.type not in FRAME_RECORDS or self.payloads == "full":
            return data.decode()
        return summarise(data) if self.payloads == "summary" else None

    def _write(self, chunk: bytes) -> None:
        try:
            _write_all(self._descriptor, chunk)
        except OSError:
            os.ftruncate(self._descriptor, self._size)  # the last line that stays must be a whole one
            raise
        self._size += len(chunk)

    def _stay_in_place(self) -> None:
        """Begin a new segment if the open one is not what is found under its name. Raises as `_begin_segment`."""
        old = self.path
        if not self._is_in_place():
            self._begin_segment()
            self._complain(f"{old.name} was deleted or changed by somebody else: the event log goes on in {self.path}")

    def _is_in_place(self) -> bool:
        try:
            found = self.path.lstat()
        except OSError:
            return False
        is_ours = (found.st_dev, found.st_ino) == self._place and found.st_size == self._size
        return is_ours and found.st_mode & 0o600 == 0o600  # else the next start could not read it

    def _give_up(self, error: Exception) -> None:
        now_s = time.monotonic()
        is_steady = now_s - self._resumed_s > STEADY_S
        self._wait_s = 0.0 if is_steady else min(max(1.0, 2 * self._wait_s), STEADY_S)
        self.is_written, self._retry_s = False, now_s + self._wait_s
        self._complain(f"the event log cannot be written ({error}): signaling goes on without it")

    def _try_again(self) -> None:
        began_s = time.monotonic()
        try:
            self._begin_segment(Record("log.gap", data={"lost": self._lost}))
        except (OSError, StateDirTaken):
            now_s = time.monotonic()
            self._retry_s = now_s + RETRY_SHARE * (now_s - began_s)
            return
        self._resumed_s = time.monotonic()
        self._complain(f"the event log is written again, in {self.path}; {self._lost} records are missing from it")
        self.is_written, self._lost = True, 0

    def _begin_segment(self, *first: Record) -> None:
        """Make the next segment the open one, with its `first` records.

        Raises OSError or StateDirTaken, and then the open one stays.
        """
        if self._folder.resolve() != self._folder:
            raise OSError(errno.ELOOP, "a symbolic link has taken the place of the folder", str(self._folder))
        self._claim()
        number, descriptor = self._create(self._segment + 1)
        seq = self._seq
        try:
            size = self._write_beginning(descriptor, number, first)
        except OSError:
            self._seq = seq
            os.close(descriptor)
            self._path(number).unlink()
            raise
        if self._descriptor >= 0:
            os.close(self._descriptor)
        found = os.fstat(descriptor)
        self._segment, self._descriptor, self._place = number, descriptor, (found.st_dev, found.st_ino)
        self._size, self._rotate_at = size, self.segment_bytes
        self._tidying.submit(self._tidy, self.path)

    def _create(self, number: int) -> tuple[int, int]:
        """Make a new file, which nothing is in the place of, and say which number and descriptor it has."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        while True:
            try:
                return number, os.open(self._path(number), flags, 0o600)
            except FileExistsError:
                number += 1

    def _write_beginning(self, descriptor: int, number: int, first: Iterable[Record]) -> int:
        self._ts = round(time.time(), 6)
        header = self._line(Record("log.header", data={"boot": self._boot, "segment": number, **self._header}))
        _write_all(descriptor, header)  # a full disk refuses it, before the checkpoint is made for nothing
        checkpoint = Record("log.checkpoint", data=_to_json(self._checkpoint()))
        rest = b"".join(map(self._line, (checkpoint, *first)))
        _write_all(descriptor, rest)
        return len(header) + len(rest)

    def _rotate(self) -> None:
        try:
            self._begin_segment()
        except (OSError, StateDirTaken) as error:
            self._complain(f"a new segment of the event log cannot be made ({error}): the old one grows")
            self._rotate_at = self._size + self.segment_bytes

    def _tidy(self, current: Path) -> None:
        """Pack and drop what was closed before `current`, also by a sidecar that was killed. Runs in its own thread."""
        try:
            for path in sorted(self._folder.glob("events-*.jsonl")):
                # Before each: a busy log grows faster than it is packed, and must not outgrow its bound.
                drop_oldest(self._folder, self.total_bytes, self.keep_s, current)
                if path.name < current.name and path.is_file() and not path.is_symlink():
                    compress(path, self._closing)
        except FileNotFoundError:
            pass  # somebody has moved or deleted the log meanwhile, which `look_after` notices and reports
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
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
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
