"""Which files a log is made of, and their whole lines."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from signaling_sidecar.errors import DamagedLog, NoLog
from signaling_sidecar.eventlog.which_state import find_state_dir

# isal comes with the extra `notebook`, has zlib's names, and unpacks in half the time.
_zlib: Any = import_module("isal.isal_zlib" if find_spec("isal") is not None else "zlib")
_GZIP = _zlib.MAX_WBITS | 16  # zlib's way to say: a gzip header, and the largest window


class FoundLog(NamedTuple):
    """A log's place, how it was found (None: it was named), and its segments in the order of their names."""

    path: str
    how: str | None
    segments: Sequence[Path]


def find_segments(path: str | PathLike[str] | None) -> FoundLog:
    """Find the segments at `path`: a segment, a folder, a glob pattern; None: the state folder of this project.

    Raises `NoLog` when there is none, and `NoStateDir` when no state folder of this project is found.
    """
    if path is None:
        state = find_state_dir()
        return _found(state.path, state.how, _in(state.path))
    place = Path(path).expanduser()
    if place.is_dir():
        return _found(place, None, _in(place))
    if place.exists():
        return _found(place, None, [place])
    return _found(place, None, map(Path, glob.glob(str(place), recursive=True)))


def whole_lines(segment: Path, start: int = 0) -> bytes:
    """Read a segment from `start` (bytes, unpacked) to its last newline.

    What follows that one is a record that is being written, or was torn.
    """
    try:
        text = _read(segment, start) if segment.suffix != ".gz" else _unpacked(segment)[start:]
    except FileNotFoundError:  # closed and packed between our listing and our reading
        text = _unpacked(segment.with_name(segment.name + ".gz"))[start:]
    return text[: text.rfind(b"\n") + 1]


def _read(segment: Path, start: int) -> bytes:
    with segment.open("rb") as file:
        file.seek(start)
        return file.read()


def _found(place: Path, how: str | None, files: Iterable[Path]) -> FoundLog:
    # While a closed segment is being packed both of its forms are there: the unpacked one is whole.
    by_path = {str(file).removesuffix(".gz"): file for file in sorted(files, key=lambda file: file.suffix == ".jsonl")}
    if not by_path:
        raise NoLog(str(place))
    return FoundLog(str(place), how, [by_path[path] for path in sorted(by_path)])


def _in(folder: Path) -> list[Path]:
    return [*folder.glob("*.jsonl"), *folder.glob("*.jsonl.gz")]


def _unpacked(segment: Path) -> bytes:
    packed, text = segment.read_bytes(), b""
    try:
        while packed:  # one round for each member of the file; one cut short gives what it has
            member = _zlib.decompressobj(wbits=_GZIP)
            text += member.decompress(packed)
            packed = member.unused_data
    except _zlib.error as error:
        raise DamagedLog(str(segment), None, str(error)) from error
    return text
