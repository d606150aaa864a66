"""Write the records of this process to the event log.

1. When `flush` returns, the operating system has every appended line. So if frames are sent only after `flush`, the log
   contains every frame that was sent, even if the process is killed with `kill -9`.
2. A line whose `seq` is lower than that of the checkpoint was appended before the checkpoint was made, and the
   checkpoint includes its effect.
3. After a failed write, and after another program has changed the open segment, a new segment is begun as soon as
   possible.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Unpack

from signaling_sidecar.errors import StateDirTaken
from signaling_sidecar.eventlog.line import Line, encode_lines
from signaling_sidecar.eventlog.line_maker import LineMaker
from signaling_sidecar.eventlog.log_files import LogFiles, Options
from signaling_sidecar.eventlog.open_segment import OpenSegment
from signaling_sidecar.hub import Checkpoint
from signaling_sidecar.hub.effects import Record

RETRY_SHARE = 20  # the pause after a failed retry is 20 times as long as the retry, which may write a large checkpoint


class LogWriter(LogFiles):
    """Appends records to the segments of one run. The options are those of `LogFiles`.

    `checkpoint` must return the state of the hub; it is called when a segment begins. `payloads` may be changed at any
    time.
    """

    def __init__(
        self,
        folder: Path,
        boot: str,
        *,
        checkpoint: Callable[[], Checkpoint],
        payloads: str,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(folder, boot, **options)
        self._checkpoint = checkpoint
        self._maker = LineMaker(payloads)
        self._lines: list[Line] = []

    @property
    def seq(self) -> int:
        return self._maker.seq

    @property
    def payloads(self) -> str:
        return self._maker.payloads

    @payloads.setter
    def payloads(self, payloads: str) -> None:
        self._maker.payloads = payloads

    def open(self) -> None:
        """Begin the first segment. Raises OSError if this segment cannot be written."""
        self._begin_first()

    def append(self, record: Record) -> None:
        """Add a record to those that the next `flush` writes. All records of one flush have the same time."""
        if not self._lines:
            self._maker.set_time()
        self._lines.append(self._maker.line(record))

    def flush(self) -> None:
        """Write all appended records to the file, or count them as lost if that is impossible."""
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        if not self.is_written:
            self._lost += len(lines)
            return
        self._write(encode_lines(lines), len(lines))
        if self.is_written and self._is_too_large:
            self._rotate()

    def _begin_segment(self, lost: int | None = None) -> None:
        seq = self._maker.seq
        try:
            super()._begin_segment(lost)
        except (OSError, StateDirTaken):
            self._maker.seq = seq
            raise

    def _beginning(self, number: int, lost: int | None) -> Iterator[bytes]:
        self._maker.set_time()
        # The header is yielded first, so that no checkpoint is made if the disk is full.
        yield self._text("log.header", {"boot": self._boot, "segment": number, **self._header})
        yield self._text("log.checkpoint", self._checkpoint())
        if lost is not None:
            yield self._text("log.gap", {"lost": lost})

    def _text(self, type_: str, data: Any) -> bytes:
        return encode_lines([self._maker.line(Record(type_, data=data))])

    def _replace_changed(self, changed: OpenSegment) -> None:
        self._begin_segment()
        self._complain(
            f"another program has deleted or changed {changed.path.name}: the event log continues in {self.path}"
        )

    def _retry(self) -> None:
        began_s = time.monotonic()
        try:
            self._resume()
        except (OSError, StateDirTaken):
            now_s = time.monotonic()
            self._retry_s = now_s + RETRY_SHARE * (now_s - began_s)
