"""Reads the event log of the cluster from a stream in Redis. Each entry has the lines of one step, or a checkpoint.

An entry is accepted only if its lines are numbered from the number after the last line of the previous entry. Otherwise
the entry was not written by an owner.
"""

from __future__ import annotations

from typing import NamedTuple

from signaling_sidecar.cluster.link import Entry
from signaling_sidecar.errors import UnreadableMessage


class LogEntry(NamedTuple):
    """An entry of the log, with either lines or a checkpoint of the state after the last line."""

    step: int
    seq: int
    """The number of the last line."""
    ts: float
    """The time of the last line."""
    lines: bytes
    checkpoint: bytes | None


class LogPlace:
    """The position of a reader in the log. The reader begins at an entry with a checkpoint, and goes from entry to
    entry."""

    def __init__(self) -> None:
        self.seq = 0
        self.step = 0

    def begin(self, entry: Entry) -> LogEntry:
        """Move to an entry with a checkpoint. Raises UnreadableMessage if the entry has none."""
        read = _read(entry)
        if read.checkpoint is None:
            raise UnreadableMessage("the log of the cluster does not begin with a checkpoint")
        self.seq, self.step = read.seq, read.step
        return read

    def follow(self, entry: Entry, last_step: int | None = None) -> LogEntry:
        """Move to the next entry, which must not be of a later step than `last_step`. Raises UnreadableMessage if
        `entry` is not the next entry."""
        read = _read(entry)
        is_next = read.seq == self.seq + read.lines.count(b"\n") and read.lines[-1:] in (b"", b"\n")
        if not is_next or read.step < self.step or (last_step is not None and read.step > last_step):
            raise UnreadableMessage("it does not continue the log of the cluster")
        self.seq, self.step = read.seq, read.step
        return read


def _read(entry: Entry) -> LogEntry:
    fields = entry.fields
    try:
        step, seq, ts = int(fields[b"step"]), int(fields[b"seq"]), float(fields[b"ts"])
    except (KeyError, ValueError):
        raise UnreadableMessage("it is not part of the log of the cluster") from None
    return LogEntry(step, seq, ts, fields.get(b"lines", b""), fields.get(b"checkpoint"))
