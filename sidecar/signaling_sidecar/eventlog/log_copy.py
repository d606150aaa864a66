"""Copy the event log of a cluster (several sidecars that work as one) into the files of one of its instances.

1. An instance does not number records. The lines that it gets already contain `seq`, and it writes them unchanged, so
   that a record has the same line at every instance.
2. In the header of a segment, `boot` is the id of the whole cluster's run, and `copy` is true. This id and `seq`
   identify a record in the logs of all instances.
3. The header and the checkpoint of a segment have no numbers of their own. They repeat the `seq` of the last record
   before them, whose effect the checkpoint includes. A reader that already has this record skips the header and the
   checkpoint.
4. A segment can only begin when the caller has a checkpoint. After a failed write, all lines are lost until a new
   segment begins. If the caller has an earlier checkpoint and all lines since then, the segment begins there, and no
   line is lost. Some lines may then be in two segments, as after a restart. Otherwise the segment has a record
   `log.gap` in the place of the lost lines, with the `seq` of the first one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Unpack

import msgspec

from signaling_sidecar.errors import StateDirTaken
from signaling_sidecar.eventlog.line import encode_lines, line_of
from signaling_sidecar.eventlog.log_files import LogFiles, Options
from signaling_sidecar.eventlog.open_segment import OpenSegment
from signaling_sidecar.hub.effects import Record


class LogCopy(LogFiles):
    """Appends lines to the segments of one instance. The first `begin` opens the log.

    `cluster_boot` is the id of the cluster's run, which numbers its records from 1. The caller may change
    `cluster_boot` before a `begin`, because a new run begins if the cluster's state was lost.
    """

    def __init__(self, folder: Path, boot: str, *, cluster_boot: str, **options: Unpack[Options]) -> None:
        super().__init__(folder, boot, **options)
        self.cluster_boot = cluster_boot
        self._seq = 0
        self._told_seq = 0
        """The `seq` of the last line that was passed to the listeners."""
        self._begun_as = ""
        """The id of the cluster's run in the header of the open segment."""
        self._place = (b"", 0.0)
        """The checkpoint for the beginning of a new segment, and the time of this checkpoint."""

    @property
    def seq(self) -> int:
        return self._seq

    @property
    def wants_checkpoint(self) -> bool:
        """Whether a new segment is needed. If so, the caller should call `begin` with a checkpoint from the owner."""
        if self._segment is None:
            return False
        return self._is_too_large if self.is_written else self.may_resume

    @property
    def may_resume(self) -> bool:
        """Whether a write has failed, and it is time to begin a new segment. If so, the caller may pass an earlier
        checkpoint to `begin`: one whose `seq` is lower than that of the last appended line. The caller must then
        `append` all lines after this checkpoint again."""
        return not self.is_written and time.monotonic() >= self._retry_s

    def begin(self, checkpoint: bytes, seq: int, ts: float) -> None:
        """Begin a new segment if one is needed. `checkpoint` is the JSON text of the state after the record `seq`.

        The first call opens the log, and raises OSError or StateDirTaken if the log cannot be written. Later calls
        raise nothing. If `seq` is lower than the `seq` of the last line of the same run, the checkpoint is ignored
        unless `may_resume` is true.
        """
        is_another_run = self.cluster_boot != self._begun_as
        if not is_another_run and seq < self._seq:
            self._begin_earlier(checkpoint, seq, ts)
            return
        if not is_another_run and seq > self._seq:
            self._miss(seq - self._seq)
        self._seq, self._place = seq, (checkpoint, ts)
        if self._segment is None:
            self._begin_first()
        elif not self.is_written:
            self._resume_if_due()
        elif is_another_run:
            self._begin_another_run()
        elif self._is_too_large:
            self._rotate()
        self._place = (b"", 0.0)  # frees memory, because a checkpoint may be large

    def _begin_earlier(self, checkpoint: bytes, seq: int, ts: float) -> None:
        """If a write has failed, begin a segment with an earlier checkpoint. The caller then appends the lines after
        this checkpoint again."""
        if not self.may_resume:
            return
        before = self._seq, self._lost
        self._lost = max(0, self._lost - (self._seq - seq))
        self._seq, self._place = seq, (checkpoint, ts)
        self._resume_if_due()
        self._place = (b"", 0.0)
        if not self.is_written:
            self._seq, self._lost = before

    def append(self, lines: bytes, seq: int) -> None:
        """Write complete lines, the last of which has this `seq`, or count them as lost if that is impossible.

        The first of them must follow the last appended line, or the checkpoint of the last `begin`. If all lines were
        appended before, the call is ignored.
        """
        records = seq - self._seq
        if records <= 0:
            return
        self._seq = seq
        if self.is_written:
            self._write(lines, records)
        else:
            self._lost += records

    def flush(self) -> None:
        """Do nothing, because `append` writes immediately."""

    def _tell(self, text: bytes) -> None:
        if self._seq > self._told_seq:  # otherwise the listeners have these lines: they are written a second time
            self._told_seq = self._seq
            super()._tell(text)

    def _miss(self, records: int) -> None:
        """Count records as lost because the caller did not receive their lines."""
        self._lost += records
        if self.is_written:
            self._give_up(OSError(f"{records} records of the cluster could not be copied"))

    def _resume_if_due(self) -> None:
        if time.monotonic() < self._retry_s:
            return
        try:
            self._resume()
        except (OSError, StateDirTaken):
            self._wait_s = self._longer_wait_s()  # twice as long, because the owner makes a checkpoint for each try
            self._retry_s = time.monotonic() + self._wait_s

    def _begin_another_run(self) -> None:
        try:
            self._begin_segment()
        except (OSError, StateDirTaken) as error:
            self._give_up(error)

    def _begin_segment(self, lost: int | None = None) -> None:
        super()._begin_segment(lost)
        if self._begun_as != self.cluster_boot:
            self._begun_as, self._told_seq = self.cluster_boot, 0

    def _beginning(self, number: int, lost: int | None) -> Iterator[bytes]:
        checkpoint, ts = self._place
        header = {"boot": self.cluster_boot, "copy": True, "segment": number, **self._header}
        yield _line("log.header", self._seq, ts, msgspec.json.encode(header))
        yield _line("log.checkpoint", self._seq, ts, checkpoint)
        if lost:
            first = min(max(self._seq - lost, 0) + 1, self._seq)  # `lost` may include lines of an earlier run
            yield _line("log.gap", first, ts, msgspec.json.encode({"lost": lost}))

    def _replace_changed(self, changed: OpenSegment) -> None:
        raise OSError(f"another program has deleted or changed {changed.path.name}")

    def _retry(self) -> None:
        """Do nothing, because only `begin` gets the checkpoint that a new segment needs."""


def _line(type_: str, seq: int, ts: float, data: bytes) -> bytes:
    return encode_lines([line_of(Record(type_), seq, ts, data.decode())])
