"""Which files a log is made of, and in which order."""

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

NEWEST_BYTES = 32 * 1024 * 1024  # bytes of segments that are read at once: half a second
PACKED = 10  # how many times larger a packed segment is when it is read


class FoundLog(NamedTuple):
    """A log's place, how it was found (None: it was named), and its segments in their order."""

    path: str
    how: str | None
    segments: Sequence[Path]


def find_segments(path: str | PathLike[str] | None) -> FoundLog:
    """Find the segments at `path`: a segment, a folder, a glob pattern; None: the state folder of this project.

    Raises `NoLog` when there is none, and `NoStateDir` when no state folder of this project is found.
    """
    if path is None:
        state = find_state_dir()
        return _found(state.path, state.how or None, _in(state.path))
    place = Path(path).expanduser()
    if place.is_dir():
        return _found(place, None, _in(place))
    if place.exists():
        return _found(place, None, [place])
    return _found(place, None, map(Path, glob.glob(str(place), recursive=True)))


def newest_of(segments: Sequence[Path]) -> Sequence[Path]:
    """The last segment, and those before it that can be read at once. Each begins with a checkpoint."""
    left, first = NEWEST_BYTES, len(segments)
    while first > 0:
        path = segments[first - 1]
        left -= path.stat().st_size * (PACKED if path.suffix == ".gz" else 1)
        if left < 0 and first < len(segments):
            break
        first -= 1
    return segments[first:]


def _found(place: Path, how: str | None, files: Iterable[Path]) -> FoundLog:
    # While a closed segment is being packed both of its forms are there: the unpacked one is whole.
    by_path = {str(file).removesuffix(".gz"): file for file in sorted(files, key=lambda file: file.suffix == ".jsonl")}
    if not by_path:
        raise NoLog(str(place))
    segments = [by_path[path] for path in sorted(by_path)]
    if all(map(boot_of, segments)):  # in a state folder the names tell the order, without a look into the files
        return FoundLog(str(place), how, segments)
    return FoundLog(str(place), how, _without_copies(segments))


def _in(folder: Path) -> list[Path]:
    # Not `glob`, which finds nothing in a folder that may not be read.
    return [folder / name for name in sorted(os.listdir(folder)) if name.endswith((".jsonl", ".jsonl.gz"))]


def _without_copies(segments: Sequence[Path]) -> list[Path]:
    """Order files of any name by what they begin with. Of those that begin the same and are as long, one is enough."""
    chosen: dict[tuple[bytes, int, str], tuple[str, int, str, Path]] = {}
    for segment in sorted(segments, key=lambda segment: boot_of(segment) is None):
        beginning = beginning_of(segment)
        place = (beginning.boot, beginning.seq, segment.name, segment)
        chosen.setdefault((beginning.line or str(segment).encode(), segment.stat().st_size, segment.suffix), place)
    return [segment for *_, segment in sorted(chosen.values())]
