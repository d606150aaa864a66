"""Find the files (segments) that an event log consists of, and their order."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from signaling_sidecar.errors import NoLog
from signaling_sidecar.eventlog.boot_ids import boot_of
from signaling_sidecar.eventlog.find_state_dir import find_state_dir
from signaling_sidecar.eventlog.records import beginning_of

NEWEST_BYTES = 32 * 1024 * 1024  # bytes of segments that a command reads by default; this takes half a second
PACKED = 10  # how many times larger a compressed segment becomes when it is decompressed


class FoundLog(NamedTuple):
    """The path of a log, how it was found (None if the caller passed the path), and its segments in their order."""

    path: str
    how: str | None
    segments: Sequence[Path]


def find_segments(path: str | PathLike[str] | None) -> FoundLog:
    """Find the segments at `path`, which is a segment, a folder or a glob pattern. None means this project's state
    folder.

    Raises `NoLog` if there is no segment, and `NoStateDir` if this project has no state folder.
    """
    if path is None:
        state = find_state_dir()
        return _found(state.path, state.how or None, _in(state.path))
    location = Path(path).expanduser()
    if location.is_dir():
        return _found(location, None, _in(location))
    if location.exists():
        return _found(location, None, [location])
    return _found(location, None, map(Path, glob.glob(str(location), recursive=True)))


def newest_of(segments: Sequence[Path], within_bytes: int = NEWEST_BYTES, least: int = 1) -> Sequence[Path]:
    """Return the last segments that fit into `within_bytes`, and at least the last `least` of them. Each begins with a
    checkpoint."""
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
    except FileNotFoundError:  # compressed after the files were listed
        return path.with_name(path.name + ".gz").stat().st_size * PACKED


def _found(location: Path, how: str | None, files: Iterable[Path]) -> FoundLog:
    # While a segment is being compressed, both of its forms exist. The uncompressed one is complete.
    by_path = {str(file).removesuffix(".gz"): file for file in sorted(files, key=lambda file: file.suffix == ".jsonl")}
    if not by_path:
        raise NoLog(str(location))
    segments = [by_path[path] for path in sorted(by_path)]
    if all(
        map(boot_of, segments)
    ):  # the names of segments in a state folder are in order, so that the files need not be read
        return FoundLog(str(location), how, segments)
    return FoundLog(str(location), how, _without_copies(segments))


def _in(folder: Path) -> list[Path]:
    # `glob` is not used, because it finds no files in an unreadable folder instead of raising.
    return [folder / name for name in sorted(os.listdir(folder)) if name.endswith((".jsonl", ".jsonl.gz"))]


def _without_copies(segments: Sequence[Path]) -> list[Path]:
    """Sort files of any name by their first record. Of files with the same first line and size, only one is kept."""
    chosen: dict[tuple[bytes, int, str], tuple[str, int, str, Path]] = {}
    for segment in sorted(segments, key=lambda segment: boot_of(segment) is None):
        beginning = beginning_of(segment)
        sort_key = (beginning.boot, beginning.seq, segment.name, segment)
        chosen.setdefault((beginning.line or str(segment).encode(), segment.stat().st_size, segment.suffix), sort_key)
    return [segment for *_, segment in sorted(chosen.values())]
