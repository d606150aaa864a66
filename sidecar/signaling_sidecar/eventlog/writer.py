"""Write the event log. Only this module appends to the open segment.

1. When `flush` returns, the kernel has every appended line. Everything that is sent afterwards is therefore in the log,
   even after `kill -9`.
2. A segment begins with a header and a checkpoint, and always ends with a complete line. A line whose `seq` is lower
   than that of the checkpoint was appended before the checkpoint was made, and the checkpoint includes its effect.
3. If the disk refuses a write, signaling continues and `is_written` becomes false. That segment is not written again: a
   new one is begun as soon as possible, so that no segment has a gap. Both events are reported to the operator once.
4. If the open segment is no longer at its path, or another program has changed it, a new one is begun. Whatever is at
   that path instead is left alone: it is not written, and links are not followed.
"""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from signaling_sidecar.errors import StateDirTaken
from signaling_sidecar.eventlog.line import Line, encode_lines, line_of
from signaling_sidecar.eventlog.open_segment import OpenSegment
from signaling_sidecar.eventlog.payload import summarise
from signaling_sidecar.eventlog.retention import tidy
from signaling_sidecar.hub import Checkpoint
from signaling_sidecar.hub.effects import FRAME_RECORDS, Record

RETRY_SHARE = 20  # a failed retry is followed by a pause of 20 times its duration, because a checkpoint may be large
STEADY_S = 30.0  # seconds; if writing fails again sooner than this after a retry, each pause is longer than the last
_to_json = msgspec.json.Encoder().encode


class LogWriter:
    """Appends records to the segments of one boot (one run of the sidecar) in `folder`.

    `checkpoint` must return the state of the hub; it is called when a segment begins. `complain` is called with one
    sentence for the operator when the log cannot be written, or can be written again. `claim` is called before a
    segment is created, because the folder may have been replaced; it must raise StateDirTaken if another sidecar uses
    it.

    The caller must call `look_after` twice a second. It may change `payloads`, `segment_bytes`, `total_bytes` and
    `keep_s` at any time.
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
        """False while the log cannot be written. What happens meanwhile is lost when this process ends."""
        self.listeners: set[Callable[[bytes], None]] = set()
        """Functions that are called with the text of each group of lines after it was written."""
        self._seq = 0
        self._ts = 0.0
        self._lines: list[Line] = []
        self._lost = 0
        """The records that were lost since the log can no longer be written."""
        self._lost_before = 0
        self._retry_s = self._wait_s = 0.0
        self._resumed_s = -STEADY_S
        """The last time at which the log could be written again after a failure."""
        self._number = 0
        """The number of the open segment."""
        self._segment: OpenSegment | None = None
        self._rotate_at = segment_bytes
        self._tidying = ThreadPoolExecutor(1, "log-tidy")
        self._stopping = threading.Event()

    @property
    def lost(self) -> int:
        """The number of records that could not be written, since the start."""
        return self._lost_before + self._lost

    @property
    def seq(self) -> int:
        """The number of the newest record."""
        return self._seq

    @property
    def path(self) -> Path:
        """The path of the open segment."""
        return self._path(self._number)

    def _path(self, number: int) -> Path:
        return self._folder / f"events-{self._boot}-{number:04}.jsonl"

    @property
    def _open(self) -> OpenSegment:
        assert self._segment is not None, "`open` must be called first"
        return self._segment

    def open(self) -> None:
        """Begin the first segment. Raises OSError if it cannot be written."""
        self._folder = self._folder.resolve()  # the path may contain links now, but a later link would be an attack
        self._begin_segment()

    def append(self, record: Record) -> None:
        """Add a record to those that the next `flush` writes. All records of one flush have the same time."""
        if not self._lines:
            self._ts = round(time.time(), 6)
        self._lines.append(self._line(record))

    def flush(self) -> None:
        """Write all appended records to the file, or count them as lost if that is impossible."""
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        if not self.is_written:
            self._lost += len(lines)
            return
        try:
            self._replace_if_changed()
            text = encode_lines(lines)
            self._open.append(text)
        except (OSError, StateDirTaken) as error:
            self._lost += len(lines)
            self._give_up(error)
            return
        for listener in self.listeners:
            listener(text)
        if self._open.size >= self._rotate_at:
            self._rotate()

    def look_after(self) -> None:
        """Check whether the open segment was deleted or replaced, or whether the disk accepts records again."""
        if self._lines:
            self.flush()
        if self.is_written:
            try:
                self._replace_if_changed()
            except (OSError, StateDirTaken) as error:
                self._give_up(error)
        elif time.monotonic() >= self._retry_s:
            self._try_again()

    def close(self) -> None:
        """Write the remaining records, and close the segment."""
        self.flush()
        self._open.close()
        self._stopping.set()  # the next start compresses the remaining segments
        self._tidying.shutdown(cancel_futures=True)

    def _line(self, record: Record) -> Line:
        self._seq += 1
        return line_of(record, self._seq, self._ts, self._data(record))

    def _data(self, record: Record) -> str | None:
        data = record.data
        if data is None:
            return None
        if not isinstance(data, bytes):
            return _to_json(data).decode()
        if record.type not in FRAME_RECORDS or self.payloads == "full":
            return data.decode()
        return summarise(data) if self.payloads == "summary" else None

    def _replace_if_changed(self) -> None:
        """Begin a new segment if another program changed or deleted the open one. Raises as `_begin_segment` does."""
        old = self._open
        if not old.is_unchanged():
            self._begin_segment()
            self._complain(
                f"another program has deleted or changed {old.path.name}: the event log continues in {self.path}"
            )

    def _give_up(self, error: Exception) -> None:
        now_s = time.monotonic()
        is_steady = now_s - self._resumed_s > STEADY_S
        self._wait_s = 0.0 if is_steady else min(max(1.0, 2 * self._wait_s), STEADY_S)
        self.is_written, self._retry_s = False, now_s + self._wait_s
        self._complain(f"the event log cannot be written ({error}): signaling continues without it")

    def _try_again(self) -> None:
        began_s = time.monotonic()
        try:
            self._begin_segment(Record("log.gap", data={"lost": self._lost}))
        except (OSError, StateDirTaken):
            now_s = time.monotonic()
            self._retry_s = now_s + RETRY_SHARE * (now_s - began_s)
            return
        self._resumed_s = time.monotonic()
        self._complain(f"the event log is written again, in {self.path}; {self._lost} records were lost")
        self._lost_before += self._lost
        self.is_written, self._lost = True, 0

    def _begin_segment(self, *first: Record) -> None:
        """Create the next segment, write its beginning and the records `first`, and make it the open segment.

        Raises OSError or StateDirTaken. Then the old segment remains the open one.
        """
        if self._folder.resolve() != self._folder:
            raise OSError(errno.ELOOP, "the folder has been replaced by a symbolic link", str(self._folder))
        self._claim()
        number, segment = self._create(self._number + 1)
        seq = self._seq
        try:
            self._write_beginning(segment, number, first)
        except OSError:
            self._seq = seq
            segment.discard()
            raise
        if self._segment is not None:
            self._segment.close()
        # The checkpoint may be larger than a segment should be. At most half of the log consists of checkpoints.
        self._number, self._segment, self._rotate_at = number, segment, max(self.segment_bytes, 2 * segment.size)
        self._tidying.submit(self._tidy, segment.path)

    def _create(self, number: int) -> tuple[int, OpenSegment]:
        """Create a segment with the first free number, starting at `number`."""
        while True:
            try:
                return number, OpenSegment(self._path(number))
            except FileExistsError:
                number += 1

    def _write_beginning(self, segment: OpenSegment, number: int, first: Iterable[Record]) -> None:
        self._ts = round(time.time(), 6)
        # Written on its own: if the disk is full, the checkpoint need not be made.
        header = Record("log.header", data={"boot": self._boot, "segment": number, **self._header})
        segment.append(encode_lines([self._line(header)]))
        checkpoint = Record("log.checkpoint", data=_to_json(self._checkpoint()))
        for record in (checkpoint, *first):
            segment.append(encode_lines([self._line(record)]))  # each on its own, because a checkpoint may be large

    def _rotate(self) -> None:
        try:
            self._begin_segment()
        except (OSError, StateDirTaken) as error:
            self._complain(f"a new segment of the event log cannot be created ({error}): the old one will be larger")
            self._rotate_at = self._open.size + self.segment_bytes

    def _tidy(self, current: Path) -> None:
        """Compress and delete finished segments. This runs in a thread of its own."""
        try:
            tidy(self._folder, current, total_bytes=self.total_bytes, keep_s=self.keep_s, stopping=self._stopping)
        except FileNotFoundError:
            pass  # the log was moved or deleted meanwhile, which `look_after` notices and reports
        except OSError as error:
            self._complain(f"old segments of the event log cannot be compressed or deleted: {error}")
