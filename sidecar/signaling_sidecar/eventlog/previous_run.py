"""Read the log of the previous run of the sidecar, so that a new run can restore its state.

The log is read line by line, starting at the last checkpoint, because a whole log may be too large for memory.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from signaling_sidecar.errors import NOT_JSON, DamagedLog, UnknownSchema
from signaling_sidecar.eventlog.boot_ids import boot_of, run_number
from signaling_sidecar.eventlog.records import Header, LeftOut, Read, Stamp, is_record, read_records
from signaling_sidecar.eventlog.segment_text import text_lines
from signaling_sidecar.hub import Past

_BEGINNING = 8  # a run that continues another one has a record `server.restored` among its first 8 records
_LONGEST_TAIL_BYTES = 64 * 1024  # how many bytes at the end of a file are searched for a newline at first
_Record = TypeVar("_Record")


def read_last_run(segments: Sequence[Path], left_out: LeftOut) -> Iterator[Read[Past]]:
    """Read the records of a run from its last checkpoint to its end, including the checkpoint.

    If there is no checkpoint, the whole run is read. Lines that cannot be read are added to `left_out`.
    """
    first = next((at for at in reversed(range(len(segments))) if _has_checkpoint(segments[at])), 0)
    return _read(segments[first:], left_out, Past)


def cut_torn_line(segments: Sequence[Path]) -> int:
    """Remove an incomplete last line, which a killed sidecar may leave, and return its size in bytes."""
    if not segments or segments[-1].suffix == ".gz":
        return 0
    torn_bytes = _torn_bytes(segments[-1])
    if torn_bytes:
        with segments[-1].open("r+b") as file:
            file.truncate(segments[-1].stat().st_size - torn_bytes)
    return torn_bytes


def is_copy(segments: Sequence[Path]) -> bool:
    """Whether an instance of a cluster wrote this run. If so, the sessions of the run may continue at other
    instances."""
    for read in itertools.islice(_read(segments[-1:], LeftOut(), Past), 1):
        with suppress(*NOT_JSON):
            return read.record.type == "log.header" and msgspec.json.decode(read.record.data or "", type=Header).copy
    return False


def newest_run(folder: Path) -> Sequence[Path]:
    """Find the segments of the latest run, even if the clock was wrong. The result is empty if there was no run.

    A run that was killed before it wrote its first checkpoint is ignored, because it has no state of its own.
    """
    by_boot: dict[str, dict[str, Path]] = {}
    for path in sorted(
        folder.glob("events-*.jsonl*"), reverse=True
    ):  # if a segment exists as `.jsonl` and as `.jsonl.gz`, the uncompressed file is the complete one
        boot = boot_of(path)
        if boot is not None and not path.is_symlink():
            by_boot.setdefault(boot, {})[path.name.removesuffix(".gz")] = path
    runs = {boot: [path for _, path in sorted(found.items())] for boot, found in by_boot.items()}
    return next(filter(_has_begun, (runs[boot] for boot in _latest_first(runs))), [])


def _latest_first(runs: Mapping[str, Sequence[Path]]) -> list[str]:
    """Sort boot ids so that the latest run comes first.

    Boot ids of earlier releases contain no number, but a time. If the clock was wrong, an earlier run may have a later
    time than the next run. So if no id has a number, runs that another run has continued sort last.
    """
    boots = sorted(runs, reverse=True)
    if any(map(run_number, boots)):
        return boots
    gone_on_from = {_gone_on_from(segments[0]) for segments in runs.values()}
    return sorted(boots, key=gone_on_from.__contains__)


def _has_begun(run: Sequence[Path]) -> bool:
    """Whether the log of the run has more lines than its header. A log that cannot be read counts as having more
    lines."""
    lines = (line for segment in run for line, is_whole in text_lines(segment) if is_whole and line.strip())
    try:
        return len(list(itertools.islice(lines, 2))) == 2
    except (DamagedLog, OSError):
        return True


def _gone_on_from(segment: Path) -> str | None:
    for read in itertools.islice(_read([segment], LeftOut(), Past), _BEGINNING):
        if read.record.type == "server.restored":
            try:
                return msgspec.json.decode(read.record.data or "", type=_Restored).boot
            except NOT_JSON:
                return None
    return None


def _has_checkpoint(segment: Path) -> bool:
    """Whether a segment begins with a checkpoint. This is false if the sidecar was killed while it created the
    segment."""
    beginning = itertools.islice(_read([segment], LeftOut(), Stamp), 2)
    return any(read.record.type == "log.checkpoint" for read in beginning)


def _read(segments: Sequence[Path], left_out: LeftOut, record_type: type[_Record]) -> Iterator[Read[_Record]]:
    try:
        yield from read_records(segments, record_type, left_out)
    except (DamagedLog, UnknownSchema):  # no record can be read; `left_out` has the reason
        return


def _torn_bytes(segment: Path) -> int:
    size = segment.stat().st_size
    tail_bytes = _LONGEST_TAIL_BYTES
    with segment.open("rb") as file:
        while True:
            file.seek(max(0, size - tail_bytes))
            tail = file.read()
            if b"\n" in tail or len(tail) == size:
                last = tail[tail.rfind(b"\n") + 1 :]
                return 0 if not last.strip() or is_record(last) else len(last)
            tail_bytes *= 2


class _Restored(msgspec.Struct):
    boot: str
