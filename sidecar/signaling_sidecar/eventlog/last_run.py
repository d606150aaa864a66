"""What the last run of the sidecar left in its log, for the next one to go on with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from signaling_sidecar.errors import DamagedLog, NoLog
from signaling_sidecar.eventlog.line import SCHEMA_VERSION, Line
from signaling_sidecar.eventlog.segments import find_segments, whole_lines
from signaling_sidecar.hub import Checkpoint, Past

PUT_ASIDE = ".unreadable"
BEGINNING = 2  # lines: the header and the checkpoint of a segment


class LastRun(NamedTuple):
    segments: Sequence[Path]
    boot: str
    checkpoint: Checkpoint
    ts: float
    """When the checkpoint was written, epoch seconds."""
    records: Sequence[Past]
    """All that was written after it."""


class UnreadableRun(Exception):
    """The log is of another version, or damaged. It is no fault of the operator, and nothing that he must mend."""

    def __init__(self, segments: Sequence[Path], reason: str) -> None:
        super().__init__(segments, reason)
        self.segments, self.reason = segments, reason

    def __str__(self) -> str:
        return f"{self.segments[-1].name} cannot be read ({self.reason})"


def read_last_run(folder: Path) -> LastRun | None:
    """Read the newest run's state; None when there was none. Raises UnreadableRun."""
    segments = _newest_run(folder)
    try:
        for at in reversed(range(len(segments))):
            lines = whole_lines(segments[at]).splitlines()
            if len(lines) >= BEGINNING:  # else it was killed while it began this segment
                later = [line for segment in segments[at + 1 :] for line in whole_lines(segment).splitlines()]
                return _read(segments, lines, later)
    except (msgspec.DecodeError, UnicodeDecodeError, DamagedLog, _OtherVersion) as error:
        raise UnreadableRun(segments, str(error)) from error
    return None


def _read(segments: Sequence[Path], lines: Sequence[bytes], later: Sequence[bytes]) -> LastRun:
    header, state = (msgspec.json.decode(line, type=Line) for line in lines[:BEGINNING])
    if header.v != SCHEMA_VERSION:
        raise _OtherVersion(f"it is of version {header.v}, this is version {SCHEMA_VERSION}")
    boot = msgspec.json.decode(header.data or "", type=_Header).boot
    checkpoint = msgspec.json.decode(state.data or "", type=Checkpoint)
    records = [_past.decode(line) for line in (*lines[BEGINNING:], *later)]
    records = [record for record in records if record.seq > state.seq]  # the checkpoint has seen the others
    return LastRun(segments, boot, checkpoint, state.ts, records)


def cut_torn_line(folder: Path) -> int:
    """Cut what a killed sidecar wrote of its last line, and say how many bytes that were."""
    segments = _newest_run(folder)
    if not segments or segments[-1].suffix == ".gz":
        return 0
    torn = segments[-1].stat().st_size - len(whole_lines(segments[-1]))
    if torn:
        with segments[-1].open("r+b") as file:
            file.truncate(segments[-1].stat().st_size - torn)
    return torn


def put_aside(segments: Iterable[Path]) -> None:
    """Take the segments out of the log, and keep them under another name."""
    for path in segments:
        path.rename(path.with_name(path.name + PUT_ASIDE))


def _newest_run(folder: Path) -> Sequence[Path]:
    try:
        segments = find_segments(folder).segments
    except NoLog:
        return []
    newest = max(map(_boot, segments))
    return [path for path in segments if _boot(path) == newest and not path.is_symlink()]


def _boot(segment: Path) -> str:
    """`events-<boot>-<number>.jsonl`; the boots' names are in order of time."""
    return segment.name.rpartition("-")[0]


class _Header(msgspec.Struct):
    boot: str


class _OtherVersion(ValueError):
    pass


_past = msgspec.json.Decoder(Past)
