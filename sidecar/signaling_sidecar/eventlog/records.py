"""Read the records of an event log. The commands, the notebooks and the next start of the sidecar must use this module.

1. A record is identified by its boot id and `seq`. A record that is in several files is read once. In a cluster
   (several sidecars that work as one), the files of all instances have the cluster's boot id and the same records.
2. A line that is not a record of this schema version is skipped and counted, and so is an incomplete last line.
3. A log without a single readable record is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Generic, NamedTuple, TypeVar

import msgspec

from signaling_sidecar.errors import NOT_JSON, DamagedLog, UnknownSchema, why_not_json
from signaling_sidecar.eventlog.boot_ids import boot_of
from signaling_sidecar.eventlog.line import SCHEMA_VERSION
from signaling_sidecar.eventlog.segment_text import text_chunks, text_lines

YEAR_10000_TS = 253_402_300_800  # seconds since 1970; the latest time that Python's datetime supports
_Record = TypeVar("_Record")
_Part = TypeVar("_Part")


class Stamp(msgspec.Struct, frozen=True, gc=False):
    """The fields that every record has, whatever its type."""

    v: int
    seq: int
    ts: Annotated[float, msgspec.Meta(ge=0, lt=YEAR_10000_TS)]
    type: str


class Header(msgspec.Struct, frozen=True):
    """The fields that are read from the data of a record `log.header`."""

    boot: str
    project: str | None = None
    copy: bool = False
    """Whether the file is an instance's copy of the log of a cluster."""


class Read(NamedTuple, Generic[_Record]):
    """A record, with the file and line where it was found."""

    boot: str
    record: _Record
    line: bytes
    segment: Path
    number: int


class LeftOut:
    """Counts the lines of a log that could not be read, and remembers why.

    If `is_live` is true, a sidecar is writing the log, so an incomplete last line is not reported as damage.
    """

    def __init__(self, *, is_live: bool = False) -> None:
        self.lines = 0
        self.first: DamagedLog | UnknownSchema | None = None
        self.is_live = is_live
        self._files: list[str] = []

    def add(self, error: DamagedLog | UnknownSchema) -> None:
        """Count one line that could not be read, or add one file that could not be read to its end (if the error has no
        line number)."""
        if error.line is None:
            self._files.append(str(error))
        self.lines += error.line is not None
        self.first = self.first or error

    def take(self, other: LeftOut) -> None:
        self.lines += other.lines
        self.first = self.first or other.first
        self._files += other._files

    def add_torn(self, segment: Path, torn_bytes: int) -> None:
        if not self.is_live:
            self._files.append(f"the last line of {segment} is incomplete and was skipped ({torn_bytes} bytes)")

    def __str__(self) -> str:
        """Describe in one sentence what was left out. The text is empty if every line was read."""
        lines = [] if self.lines == 0 else [f"{_count(self.lines)} skipped: {self.first}"]
        return "; ".join([*lines, *self._files])


def read_records(
    segments: Iterable[Path],
    record_type: type[_Record],
    left_out: LeftOut,
    *,
    are_parts: bool = False,
) -> Iterator[Read[_Record]]:
    """Read the records of the segments, in their order. A line is decoded once if `record_type` extends `Stamp`, and
    otherwise twice.

    With `are_parts`, a file may lack records that are in the log, such as those of other rooms. A record that is in
    several files is then read several times.

    Lines that cannot be read are added to `left_out`. Raises DamagedLog or UnknownSchema at the end if there are such
    lines and not a single record could be read.
    """
    record_of = msgspec.json.Decoder(record_type).decode
    is_any_read = False
    for boot, stamp, line, segment, number in _stamped(
        segments, left_out, _stamp_decoder(record_type), are_parts=are_parts
    ):
        is_any_read = True
        try:
            record = stamp if isinstance(stamp, record_type) else record_of(line)
        except NOT_JSON as error:
            left_out.add(DamagedLog(str(segment), number, why_not_json(error)))
        else:
            yield Read(boot, record, line, segment, number)
    if not is_any_read and left_out.first is not None:
        raise left_out.first


class Beginning(NamedTuple):
    """The first record of a segment. All fields have their defaults if the segment has no record."""

    boot: str = ""
    seq: int = 0
    ts: float = 0.0
    line: bytes = b""
    project: str | None = None


def beginning_of(segment: Path) -> Beginning:
    """Read only the first line of a segment."""
    boot = boot_of(segment) or ""
    try:
        with closing(text_lines(segment)) as lines:
            line = next(lines)[0]
        stamp = _stamp_of(line)
        header = header_of(line) if stamp.type == "log.header" else Header(boot)
        return Beginning(header.boot, stamp.seq, stamp.ts, line, header.project)
    except (OSError, StopIteration, DamagedLog, *NOT_JSON):
        return Beginning(boot)


def _stamp_decoder(record_type: type[object]) -> Callable[[bytes], Stamp]:
    """Return a function that decodes a line as `record_type` if this type extends `Stamp`, and otherwise as `Stamp`."""
    if record_type is Stamp or not issubclass(record_type, Stamp):
        return _stamp_of
    whole_of = msgspec.json.Decoder(record_type).decode

    def decode(line: bytes) -> Stamp:
        try:
            return whole_of(line)
        except NOT_JSON:  # the fields of `Stamp` may still be readable
            return _stamp_of(line)

    return decode


def _stamped(
    segments: Iterable[Path], left_out: LeftOut, decode: Callable[[bytes], Stamp], *, are_parts: bool
) -> Iterator[tuple[str, Stamp, bytes, Path, int]]:
    """Yield each record once, identified by its boot id and `seq`, unless `are_parts` is True. Within one file, `seq`
    need not be ascending."""
    read_before: dict[str, int] = {}
    for segment in segments:
        boot, newest = boot_of(segment) or segment.name.split(".")[0], dict(read_before)
        for number, line in _lines(segment, left_out):
            try:
                stamp = decode(line)
                if stamp.type == "log.header" and stamp.v == SCHEMA_VERSION:
                    boot = header_of(line).boot
            except NOT_JSON as error:
                damage = DamagedLog(str(segment), number, why_not_json(error))
                left_out.add(_schema_error(segment, number, line) or damage)
                continue
            if stamp.v != SCHEMA_VERSION:
                left_out.add(UnknownSchema(str(segment), number, stamp.v, SCHEMA_VERSION))
            elif are_parts or stamp.seq > read_before.get(boot, -1):
                newest[boot] = max(stamp.seq, newest.get(boot, -1))
                yield boot, stamp, line, segment, number
        read_before = newest


def whole_text(segment: Path, left_out: LeftOut) -> bytes:
    """Read all complete lines of a segment as one text, without checking that they are records."""
    text = b"".join(_until_unreadable(text_chunks(segment), segment, left_out))
    end = text.rfind(b"\n") + 1
    last = text[end:]
    if is_record(last):
        return text + b"\n"
    if last.strip():
        left_out.add_torn(segment, len(last))
    return text[:end]


def _lines(segment: Path, left_out: LeftOut) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not empty, with their numbers. A last line without a newline is yielded only if it is a
    whole record."""
    lines = _until_unreadable(text_lines(segment), segment, left_out)
    for number, (line, is_whole) in enumerate(lines, 1):
        if is_whole or is_record(line):
            if line.strip():
                yield number, line
        elif line.strip():
            left_out.add_torn(segment, len(line))


def _until_unreadable(parts: Iterator[_Part], segment: Path, left_out: LeftOut) -> Iterator[_Part]:
    try:
        yield from parts
    except FileNotFoundError:  # the file was deleted after the files were listed
        return
    except OSError as error:
        left_out.add(DamagedLog(str(segment), None, error.strerror or str(error)))
    except DamagedLog as error:
        left_out.add(error)


def is_record(line: bytes) -> bool:
    """Whether a line is a complete record, of any schema version."""
    try:
        _stamp_of(line)
    except NOT_JSON:
        return False
    return True


def _schema_error(segment: Path, number: int, line: bytes) -> UnknownSchema | None:
    try:
        version = msgspec.json.decode(line, type=_Version).v
    except NOT_JSON:
        return None
    return UnknownSchema(str(segment), number, version, SCHEMA_VERSION) if version != SCHEMA_VERSION else None


def header_of(line: bytes) -> Header:
    return msgspec.json.decode(msgspec.json.decode(line, type=_Data).data, type=Header)


def _count(lines: int) -> str:
    return "1 line was" if lines == 1 else f"{lines:,} lines were"


class _Version(msgspec.Struct):
    v: object = None


class _Data(msgspec.Struct):
    data: str


_stamp_of = msgspec.json.Decoder(Stamp).decode
