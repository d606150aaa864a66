"""Find the files (segments) that an event log consists of, and their order."""

from __future__ import annotations

import errno
import glob
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from signaling_sidecar.errors import NoLog
from signaling_sidecar.eventlog.boot_ids import boot_of
from signaling_sidecar.eventlog.expanded_path import expanded
from signaling_sidecar.eventlog.find_state_dir import find_state_dir
from signaling_sidecar.eventlog.records import beginning_of

# The error numbers of `stat` for a path without a file. On Windows, a pattern such as `*.jsonl` is an invalid path.
NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL}
NEWEST_BYTES = 32 * 1024 * 1024  # bytes of segments that a command reads by default; this takes half a second
PACKED = 10  # how many times larger a compressed segment becomes when it is decompressed


Location = str | PathLike[str]


class FoundLog(NamedTuple):
    """The paths of a log, how it was found (None if the caller passed the paths), and its segments in their order."""

    paths: Sequence[Path]
    how: str | None
    segments: Sequence[Path]


def find_segments(path: Location | Iterable[Location] | None) -> FoundLog:
    """Find the segments at `path`, which is a segment, a folder or a glob pattern, or several of them. None means this
    project's state folder.

    Raises `NoLog` if there is no segment at one of the paths, and `NoStateDir` if this project has no state folder.
    """
    how = None
    if path is None:
        state = find_state_dir()
        path, how = state.path, state.how or None
    paths = [expanded(each) for each in ([path] if isinstance(path, str | PathLike) else path)]
    by_path = {each: _files_at(each) for each in paths}
    missing = [str(each) for each, files in by_path.items() if not files]
    if missing or not paths:
        raise NoLog(", ".join(missing))
    return FoundLog(paths, how, _in_order(list(chain.from_iterable(by_path.values()))))


def newest_of(segments: Sequence[Path], within_bytes: int = NEWEST_BYTES, least: int = 1) -> Sequence[Path]:
    """Return the last segments that fit into `within_bytes`, and at least the last `least` of them. Each segment
    begins with a checkpoint."""
    left, first = within_bytes, len(segments)
    while first > 0:
        path = segments[first - 1]
        left -= _unpacked_bytes(path)
        if left < 0 and first <= len(segments) - least:
            break
        first -= 1
    return segments[first:]


def _unpacked_bytes(path: Path) -> int:
    """Estimate the size of the text of a segment."""
    if path.suffix == ".gz":
        return path.stat().st_size * PACKED
    try:
        return path.stat().st_size
    except FileNotFoundError:  # the segment was compressed after the files were listed
        return path.with_name(path.name + ".gz").stat().st_size * PACKED


def _files_at(path: Path) -> Sequence[Path]:
    if path.is_dir():
        return _in(path)
    try:
        path.stat()  # since Python 3.14, `exists` returns False for a path that cannot be used, instead of raising why
    except OSError as error:
        if error.errno not in NOT_THERE:
            raise
        return [*map(Path, glob.glob(str(path), recursive=True))]
    except ValueError:  # the path contains a NUL character, or a character that the file system cannot store
        return []
    return [path]


def _in_order(files: Sequence[Path]) -> Sequence[Path]:
    # While a segment is being compressed, it exists as two files. The uncompressed file is complete.
    by_path = {str(file).removesuffix(".gz"): file for file in sorted(files, key=lambda file: file.suffix == ".jsonl")}
    segments = [by_path[path] for path in sorted(by_path)]
    if not are_of_several_folders(segments) and all(
        map(boot_of, segments)
    ):  # the names of the segments of one state folder are in the right order, so the files need not be read
        return segments
    return _without_copies(segments)


def are_of_several_folders(segments: Iterable[Path]) -> bool:
    """Whether the segments are in several folders, so that the numbers of their runs cannot be compared."""
    return len({segment.parent for segment in segments}) > 1


def _in(folder: Path) -> list[Path]:
    # `glob` is not used, because it finds no files in an unreadable folder instead of raising.
    named = [folder / name for name in sorted(os.listdir(folder)) if name.endswith((".jsonl", ".jsonl.gz"))]
    return [path for path in named if not path.is_fifo()]  # opening a named pipe could block for ever


def _without_copies(segments: Sequence[Path]) -> list[Path]:
    """Sort files of any name by their first record. Of files with the same first line and size, only one is kept.

    Boot ids from one folder sort in the order of the runs. If the files are in several folders, the runs are sorted by
    the time of their first record instead.
    """
    beginnings = {segment: beginning_of(segment) for segment in segments}
    began_ts: dict[str, float] = defaultdict(float)
    if are_of_several_folders(segments):
        for each in beginnings.values():
            began_ts[each.boot] = min(each.ts, began_ts.get(each.boot, each.ts))
    chosen: dict[tuple[bytes, int, str], tuple[float, str, int, str, Path]] = {}
    for segment in sorted(segments, key=lambda segment: boot_of(segment) is None):
        beginning = beginnings[segment]
        sort_key = (began_ts[beginning.boot], beginning.boot, beginning.seq, segment.name, segment)
        try:
            size_bytes = segment.stat().st_size
        except FileNotFoundError:  # the segment was compressed or deleted after the files were listed
            size_bytes = 0
        chosen.setdefault((beginning.line or str(segment).encode(), size_bytes, segment.suffix), sort_key)
    return [segment for *_, segment in sorted(chosen.values())]
