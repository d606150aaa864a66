"""Write the files (segments) of an event log. Only this module appends to the open segment.

1. A segment begins with a header and a checkpoint, contains every record after these, and ends with a complete line.
2. If a write fails, signaling continues, and `is_written` is false until a new segment can be begun. Nothing more is
   appended to the old segment, so that no record is missing within a segment. The failure and the recovery are each
   reported to the operator once.
3. If the open segment is no longer at its path, or another program has changed it, nothing more is appended to it. If
   another file is at its path, that file is never written. Symbolic links are not followed.
"""

from __future__ import annotations

import errno
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NotRequired, TypedDict, Unpack

from signaling_sidecar.errors import StateDirTaken
from signaling_sidecar.eventlog.boot_ids import segment_name
from signaling_sidecar.eventlog.open_segment import OpenSegment
from signaling_sidecar.eventlog.retention import Retention

TIDY_EVERY_S = 10.0  # seconds between checks for old segments; a check only lists the folder
STEADY_S = 30.0  # seconds; if writing fails again within this time after a recovery, the next pause is twice as long


class Options(TypedDict):
    header: Mapping[str, Any]
    """Fields that are added to the header of each segment."""
    segment_bytes: int
    total_bytes: int
    keep_s: float
    complain: Callable[[str], None]
    """Is called with one sentence for the operator when the log cannot be written, or can be written again."""
    claim: NotRequired[Callable[[], None]]
    """Is called before a segment is created, because the folder may have been replaced. The function must raise
    StateDirTaken if another sidecar uses the folder."""


class LogFiles(ABC):
    """The segments that one run of the sidecar (`boot`) writes in `folder`. A subclass decides which lines are written.

    The caller must call `look_after` twice a second. The caller may change `segment_bytes`, `total_bytes` and
    `keep_s` at any time.
    """

    def __init__(self, folder: Path, boot: str, **options: Unpack[Options]) -> None:
        self._folder = folder
        self._boot = boot
        self._header = options["header"]
        self.segment_bytes = options["segment_bytes"]
        self.total_bytes = options["total_bytes"]
        self.keep_s = options["keep_s"]
        self._complain = options["complain"]
        self._claim = options.get("claim", lambda: None)
        self.is_written = True
        """False while the log cannot be written. If this process ends in that time, all changes of the state since the
        failure are lost."""
        self.listeners: set[Callable[[bytes], None]] = set()
        """Functions that are called with the text of each group of lines after it was written."""
        self._lost = 0
        """The number of records that were lost since the last failure, or 0 while the log can be written."""
        self._lost_before = 0
        self._retry_s = self._wait_s = 0.0
        self._resumed_s = -STEADY_S
        """The time of the last recovery, when the log could be written again after a failure."""
        self._number = 0
        """The number of the open segment."""
        self._segment: OpenSegment | None = None
        self._least_bytes = 0
        """A size in bytes below which no new segment is begun, even if the open one has more than `segment_bytes`."""
        self._retention = Retention(self._complain)
        self._tidy_s = 0.0
        """The time of the next check for old segments."""

    @property
    @abstractmethod
    def seq(self) -> int:
        """The number of the newest record."""

    @abstractmethod
    def _beginning(self, number: int, lost: int | None) -> Iterable[bytes]:
        """Yield the first lines of the segment with this number. Each text is written before the next one is made.

        After a failure, `lost` is the number of records that could not be written; otherwise it is None.
        """

    @abstractmethod
    def _replace_changed(self, changed: OpenSegment) -> None:
        """Begin a new segment, because another program has changed or deleted the open one. Raises OSError if that is
        impossible."""

    @abstractmethod
    def _retry(self) -> None:
        """Try to write the log again after a failure."""

    @property
    def lost(self) -> int:
        """The number of records that could not be written since the sidecar was started."""
        return self._lost_before + self._lost

    @property
    def path(self) -> Path:
        """The path of the open segment."""
        return self._path(self._number)

    def _path(self, number: int) -> Path:
        return self._folder / segment_name(self._boot, number)

    @property
    def _open(self) -> OpenSegment:
        assert self._segment is not None, "the log must be opened first"
        return self._segment

    def _begin_first(self) -> None:
        """Begin the first segment. Raises OSError if this segment cannot be written."""
        self._folder = self._folder.resolve()  # later, a link that was not in the path at the start is an error
        self._begin_segment()

    @abstractmethod
    def flush(self) -> None:
        """Write all lines that were appended and not yet written."""

    def look_after(self) -> None:
        """Check whether the open segment was deleted or changed, and whether there are old segments. After a failure,
        try again to write."""
        self.flush()
        if self._segment is None:
            return
        if self.is_written:
            try:
                self._check_segment()
                if time.monotonic() >= self._tidy_s:
                    self._tidy()
            except (OSError, StateDirTaken) as error:
                self._give_up(error)
        elif time.monotonic() >= self._retry_s:
            self._retry()

    def close(self) -> None:
        """Write all appended lines, and close the open segment."""
        self.flush()
        if self._segment is not None:
            self._segment.close()
        self._retention.close()

    def _write(self, text: bytes, records: int) -> None:
        """Append complete lines, which contain this number of records. If this fails, the records are counted as
        lost."""
        try:
            self._check_segment()
            self._open.append(text)
        except (OSError, StateDirTaken) as error:
            self._lost += records
            self._give_up(error)
            return
        self._tell(text)

    def _tell(self, text: bytes) -> None:
        for listener in self.listeners:
            listener(text)

    def _check_segment(self) -> None:
        """Begin a new segment if another program has changed the open one. Raises OSError or StateDirTaken if this is
        impossible."""
        segment = self._open
        if not segment.is_unchanged():
            self._replace_changed(segment)

    def _give_up(self, error: Exception) -> None:
        now_s = time.monotonic()
        is_steady = now_s - self._resumed_s > STEADY_S
        self._wait_s = 0.0 if is_steady else self._longer_wait_s()
        self.is_written, self._retry_s = False, now_s + self._wait_s
        self._complain(f"the event log cannot be written ({error}): signaling continues without it")

    def _longer_wait_s(self) -> float:
        return min(max(1.0, 2 * self._wait_s), STEADY_S)

    def _resume(self) -> None:
        """Begin a segment after the log could not be written. Raises OSError or StateDirTaken."""
        self._begin_segment(self._lost)
        self._resumed_s = time.monotonic()
        self._complain(f"the event log is written again, in {self.path}; {self._lost} records were lost")
        self._lost_before += self._lost
        self.is_written, self._lost = True, 0

    @property
    def _is_too_large(self) -> bool:
        return self._open.size >= max(self.segment_bytes, self._least_bytes)

    def _rotate(self) -> None:
        try:
            self._begin_segment()
        except (OSError, StateDirTaken) as error:
            self._complain(f"a new segment of the event log cannot be created ({error}): the old one will be larger")
            self._least_bytes = self._open.size + self.segment_bytes

    def _begin_segment(self, lost: int | None = None) -> None:
        """Create the next segment, write its beginning, and make it the open segment.

        If this raises OSError or StateDirTaken, the old segment remains the open one.
        """
        if self._folder.resolve() != self._folder:
            raise OSError(errno.ELOOP, "the folder has been replaced by a symbolic link", str(self._folder))
        self._claim()
        number, segment = self._create(self._number + 1)
        try:
            for text in self._beginning(number, lost):
                segment.append(text)
        except OSError:
            segment.discard()
            raise
        if self._segment is not None:
            self._segment.close()
        # The size limit of a segment is at least twice the size of its checkpoint, so that at most half of the log is
        # checkpoints.
        self._number, self._segment, self._least_bytes = number, segment, 2 * segment.size
        self._tidy()

    def _tidy(self) -> None:
        self._tidy_s = time.monotonic() + TIDY_EVERY_S
        self._retention.tidy(self.path, self.total_bytes, self.keep_s)

    def _create(self, number: int) -> tuple[int, OpenSegment]:
        """Create a segment with the first free number, starting at `number`."""
        while True:
            try:
                return number, OpenSegment(self._path(number))
            except FileExistsError:
                number += 1
