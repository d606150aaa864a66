"""What the last run of the sidecar left in its log, for the next one to go on with.

It is read line by line, from the last checkpoint on: a log is larger than what its state needs in memory.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from signaling_sidecar.errors import NOT_JSON, DamagedLog, UnknownSchema
from signaling_sidecar.eventlog.boot_ids import boot_of, run_number
from signaling_sidecar.eventlog.records import LeftOut, Read, is_record, read_records
from signaling_sidecar.eventlog.segment_text import text_lines
from signaling_sidecar.hub import Past

_BEGINNING = 8  # lines within which a run says which one it went on from
_LONGEST_TAIL_BYTES = 64 * 1024  # of a file, in which its last newline is looked for first


def read_last_run(segments: Sequence[Path], left_out: LeftOut) -> Iterator[Read[Past]]:
    """Read a run from its last checkpoint on, that included; what cannot be read is added to `left_out`.

    Without any checkpoint it is the whole run.
    """
    first = next((at for at in reversed(range(len(segments))) if _has_checkpoint(segments[at])), 0)
    return _read(segments[first:], left_out)


def cut_torn_line(segments: Sequence[Path]) -> int:
    """Cut what a killed sidecar wrote of its last line, and say how many bytes that were."""
    if not segments or segments[-1].suffix == ".gz":
        return 0
    torn_bytes = _torn_bytes(segments[-1])
    if torn_bytes:
        with segments[-1].open("r+b") as file:
            file.truncate(segments[-1].stat().st_size - torn_bytes)
    return torn_bytes


def newest_run(folder: Path) -> Sequence[Path]:
    """Find the segments of the run that was the last, whatever the clock said; none: there was no run.

    One that was killed before it had written what it went on with has not been.
    """
    by_boot: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.glob("events-*.jsonl*"), reverse=True):  # of both forms the unpacked one is whole
        boot = boot_of(path)
        if boot is not None and not path.is_symlink():
            by_boot.setdefault(boot, {})[path.name.removesuffix(".gz")] = path
    runs = {boot: [path for _, path in sorted(found.items())] for boot, found in by_boot.items()}
    return next(filter(_has_begun, (runs[boot] for boot in _latest_first(runs))), [])


def _latest_first(runs: Mapping[str, Sequence[Path]]) -> list[str]:
    """Order boots by the numbers of their runs; without any, the last that no other one went on from is the latest.

    A clock that was once ahead gave one run a name that is later than those of all that went on from it.
    """
    boots = sorted(runs, reverse=True)
    if any(map(run_number, boots)):
        return boots
    gone_on_from = {_gone_on_from(segments[0]) for segments in runs.values()}
    return sorted(boots, key=gone_on_from.__contains__)


def _has_begun(run: Sequence[Path]) -> bool:
    """Whether there is more of it than a header, readable or not."""
    lines = (line for segment in run for line, is_whole in text_lines(segment) if is_whole and line.strip())
    try:
        return len(list(itertools.islice(lines, 2))) == 2
    except (DamagedLog, OSError):
        return True


def _gone_on_from(segment: Path) -> str | None:
    for read in itertools.islice(_read([segment], LeftOut()), _BEGINNING):
        if read.record.type == "server.restored":
            try:
                return msgspec.json.decode(read.record.data or "", type=_Restored).boot
            except NOT_JSON:
                return None
    return None


def _has_checkpoint(segment: Path) -> bool:
    """Whether a segment begins as it should; one that was killed while it began has no checkpoint."""
    beginning = itertools.islice(_read([segment], LeftOut()), 2)
    return any(read.record.type == "log.checkpoint" for read in beginning)


def _read(segments: Sequence[Path], left_out: LeftOut) -> Iterator[Read[Past]]:
    try:
        yield from read_records(segments, Past, left_out)
    except (DamagedLog, UnknownSchema):  # nothing of it can be read, which `left_out` says
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
