"""Copies the log of the cluster into the files of this instance.

1. An entry is copied only if it continues the log. Other entries are ignored. An ignored entry may also be from a new
   log that was begun after Redis had lost the old one. So a warning is logged only when it is certain that Redis has
   not lost the log.
2. If Redis has deleted entries before they were read, the copy continues at the next checkpoint that Redis names.
3. If the files could not be written, the log is read again from the last checkpoint, because the owner may not write
   the next checkpoint for hours.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from signaling_sidecar.cluster.instance import BEGINNING, Step
from signaling_sidecar.cluster.link import Entry, just_before, place_of
from signaling_sidecar.cluster.log_stream import LogEntry, LogPlace
from signaling_sidecar.errors import StateDirTaken, UnreadableMessage

logger = logging.getLogger("signaling_sidecar")


class CopyTarget(Protocol):
    """The event log of this instance, to which the log of the cluster is copied."""

    cluster_boot: str

    @property
    def may_resume(self) -> bool: ...

    def begin(self, checkpoint: bytes, seq: int, ts: float) -> None: ...

    def append(self, lines: bytes, seq: int) -> None: ...


class FollowedLog:
    """Must be created in a running event loop."""

    def __init__(self, files: CopyTarget) -> None:
        self.exists = asyncio.Event()
        """Set as soon as the files contain a part of the log."""
        self.place = BEGINNING
        """The id of the last entry that was read."""
        self.doubt: Exception | None = None
        """The error because of which an entry was ignored, until `complain` is called."""
        self._files = files
        self._epoch = ""
        self._copied = BEGINNING
        """The id of the last entry that was copied."""
        self._at = LogPlace()
        self._begins_at: str | None = None
        """The id of the checkpoint at which the copy begins, or None when that checkpoint was read."""
        self._has_begun = False
        self._has_complained = False

    def belongs_to(self, epoch: str, checkpoint: str) -> None:
        """Copy the log of this epoch, which lasts until Redis loses its state. The copy begins at `checkpoint`, unless
        it has begun already."""
        if epoch == self._epoch and self._has_begun:
            return
        self._epoch, self._has_begun, self.doubt = epoch, False, None
        self.place = self._copied = BEGINNING
        self._begins_at = checkpoint or None
        if checkpoint:
            self.place = just_before(checkpoint)

    def begin_again(self, epoch: str, steps: Sequence[Step], last: LogEntry, id_: str) -> None:
        """Copy the last steps of a log that Redis has lost, and the checkpoint with which the log begins again."""
        for step in steps:
            self._write(LogEntry(step.number, step.seq, step.ts, step.lines, None))
        self._epoch, self._begins_at = epoch, None
        self.place = self._copied = id_
        self._at.seq, self._at.step = last.seq, last.step
        try:
            self._write(last)
        except (OSError, StateDirTaken) as error:
            self.doubt = error

    def expect(self, checkpoint: str) -> None:
        """Read the log again from `checkpoint`, which Redis names, if this checkpoint was read before but could not be
        copied, or if the files need a new beginning."""
        if not checkpoint or place_of(checkpoint) > place_of(self.place):
            return
        if self._files.may_resume or place_of(self._copied) < place_of(checkpoint):
            self.place, self._begins_at = just_before(checkpoint), checkpoint

    def take(self, entry: Entry) -> None:
        """Copy an entry, unless it was read before."""
        if place_of(entry.id) <= place_of(self.place):
            return
        self.place = entry.id
        begins_at = self._begins_at
        try:
            if begins_at is not None and place_of(entry.id) >= place_of(begins_at):
                self._begins_at = None
                if entry.id != begins_at:
                    return  # Redis has deleted the checkpoint, and will name a later one
                self._write(self._at.begin(entry))
            elif self._has_begun:
                self._write(self._at.follow(entry))
            else:
                return
        except (OSError, StateDirTaken, UnreadableMessage) as error:
            self.doubt = error
            return
        self._has_complained, self._copied = False, entry.id

    def take_step(self, step: Step, id_: str) -> None:
        """Copy a step that this instance has committed itself. `id_` is the id of the step's last entry in the log, or
        empty if the step has none."""
        if not id_ or place_of(id_) <= place_of(self._copied):
            return
        self.place = max(self.place, id_, key=place_of)
        continues = self._has_begun and self._at.seq + step.lines.count(b"\n") == step.seq
        if not continues and step.checkpoint is None:
            return
        self._at.seq, self._at.step, self._begins_at = step.seq, step.number, None
        try:
            self._write(LogEntry(step.number, step.seq, step.ts, step.lines if continues else b"", step.checkpoint))
        except (OSError, StateDirTaken) as error:
            self.doubt = error
            return
        self._copied = id_

    def _write(self, entry: LogEntry) -> None:
        if entry.lines and self._has_begun:
            self._files.append(entry.lines, entry.seq)
        if entry.checkpoint:
            self._files.cluster_boot = self._epoch
            self._files.begin(entry.checkpoint, entry.seq, entry.ts)
            self._has_begun = True
            self.exists.set()

    def complain(self, doubt: Exception) -> None:
        """Log why an entry was ignored. Must only be called when it is certain that Redis has not lost its state."""
        if not self._has_complained:
            logger.warning("an entry of the log in Redis is ignored: %s", doubt, extra={"code": "foreign-message"})
        self._has_complained, self.doubt = True, None
