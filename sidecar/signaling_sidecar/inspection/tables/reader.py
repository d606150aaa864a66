"""Reads the segments of a log into one table of records, by the rules of `eventlog.records`.

A million records must be read in seconds. So pyarrow parses whole segments into columns, with an explicit schema, and
no Python object is made for a record. Segments are read in parallel, because unpacking and parsing both let other
threads run. Fields that the schema does not name are ignored, because a newer release may write more fields.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import get_args, get_type_hints

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from signaling_sidecar.errors import NOT_JSON, DamagedLog, UnknownSchema
from signaling_sidecar.eventlog import SCHEMA_VERSION, Line
from signaling_sidecar.eventlog.boot_ids import boot_of, run_number
from signaling_sidecar.eventlog.records import YEAR_10000_TS, LeftOut, read_records, whole_text
from signaling_sidecar.eventlog.run_order import UNNUMBERED
from signaling_sidecar.eventlog.segments import are_of_several_folders
from signaling_sidecar.inspection.tables.common_categories import with_common_categories, with_text_categories
from signaling_sidecar.inspection.tables.text_column import TextColumn
from signaling_sidecar.inspection.tables.text_dtype import TEXT
from signaling_sidecar.progress import Progress

_ARROW_TYPES = {int: pa.int64(), float: pa.float64(), str: pa.string()}
_SCHEMA = pa.schema(
    {name: _ARROW_TYPES[next(iter(get_args(hint)), hint)] for name, hint in get_type_hints(Line).items()}
)
_NAMES_THAT_REPEAT = ("type", "dialect", "room", "peer", "to", "session", "kind", "boot")
_COMPARED = (("type",), ("dialect",), ("room",), ("peer", "to"), ("kind",))
"""Columns whose categories are sorted alphabetically. The columns of one tuple get the same categories, so that they
can be compared with each other."""
_TEXTS = [field.name for field in _SCHEMA if field.type == pa.string() and field.name not in _NAMES_THAT_REPEAT]
_WORKERS = min(4, os.cpu_count() or 1)  # each worker needs memory for the text of one segment, usually 8 MiB
_BLOCK_BYTES = 4 << 20  # pyarrow's default is 1 MiB, but a block must be longer than a line, such as a large checkpoint
LONG_LOAD_BYTES = 256_000_000  # reading files of this size takes longer than a second, even if they are not compressed


class _Header(msgspec.Struct):
    boot: str


class _NotSound(ValueError):
    """A line of the text is not a record that this release reads."""


def read_events(segments: Sequence[Path], left_out: LeftOut) -> pd.DataFrame:
    """Read all records of the segments, boot after boot, and within a boot in the order of `seq`.

    Lines that cannot be read are counted in `left_out`. Raises `DamagedLog` or `UnknownSchema` if no line can be read.
    """
    with ThreadPoolExecutor(_WORKERS, "log-read") as pool:
        read = pool.map(partial(_read_segment, alone=len(segments) == 1, is_live=left_out.is_live), segments)
        with Progress("reading", len(segments), is_long=_size_bytes(segments) >= LONG_LOAD_BYTES) as progress:
            runs = _Runs(segments)
            table = _joined(zip(segments, progress.through(read), strict=True), left_out, runs)
    if not len(table) and left_out.first is not None:
        raise left_out.first
    events = table.to_pandas(
        types_mapper={pa.int64(): pd.Int64Dtype(), pa.large_string(): TEXT}.get,
        self_destruct=True,
    )
    # pyarrow keeps the memory in which it parsed the segments. A diagnosis needs this memory for Python's objects.
    pa.default_memory_pool().release_unused()
    events = with_text_categories(events.astype({"v": "int64", "seq": "int64"}))
    for names in _COMPARED:
        events = with_common_categories(events, *names)
    return _in_order(_without_repeated(events) if runs.may_repeat else events, runs.numbers)


class _Runs:
    """The runs (boots) of the sidecar in the segments of a log."""

    def __init__(self, segments: Sequence[Path]) -> None:
        self.may_repeat = are_of_several_folders(segments)
        """Whether a record may occur several times. This is possible if the segments are in several folders, or if
        `seq` is not ascending. It is also possible if a file does not have the boot id of its records in its name, as
        in a cluster."""
        self.numbers: dict[str, int] = {}
        """By boot id, the number of the run in the state folder. Empty if there are several folders."""
        self._is_one_folder = not self.may_repeat
        self._newest: dict[str | None, int] = {}

    def add(self, segment: Path, table: pa.Table) -> None:
        of_file = boot_of(segment)
        seq = np.append(self._newest.get(of_file, -1), table["seq"].to_numpy())
        self.may_repeat |= bool(np.any(np.diff(seq) <= 0))
        self._newest[of_file] = int(seq.max())
        for boot in pc.unique(table["boot"]).to_pylist():
            self.may_repeat |= boot != of_file
            if self._is_one_folder:
                self.numbers.setdefault(boot, run_number(of_file or boot))


def _without_repeated(events: pd.DataFrame) -> pd.DataFrame:
    """Keep each record once. Records of the types `UNNUMBERED`, which may have the same `seq` as the record before
    them, are kept too."""
    unnumbered = events["type"].where(events["type"].isin(list(UNNUMBERED)))
    is_repeated = events[["boot", "seq"]].assign(unnumbered=unnumbered).duplicated()
    return events[~is_repeated].reset_index(drop=True) if is_repeated.any() else events


def _joined(read: Iterable[tuple[Path, tuple[pa.Table, LeftOut]]], left_out: LeftOut, runs: _Runs) -> pa.Table:
    texts = {name: TextColumn() for name in _TEXTS}
    others = []
    for segment, (table, of_segment) in read:
        left_out.take(of_segment)
        runs.add(segment, table)
        for name, column in texts.items():
            column.add(table[name])
        others.append(table.drop_columns(_TEXTS))
    names = table.column_names
    joined = pa.concat_tables(others).unify_dictionaries()
    for name, column in texts.items():
        joined = joined.append_column(name, column.whole())
    return joined.select(names)


def _size_bytes(segments: Sequence[Path]) -> int:
    return sum(segment.stat().st_size for segment in segments if segment.exists())


def _read_segment(segment: Path, *, alone: bool, is_live: bool) -> tuple[pa.Table, LeftOut]:
    left_out = LeftOut(is_live=is_live)
    try:
        return _table(segment, whole_text(segment, left_out), alone=alone), left_out
    except _NotSound:  # below, the segment is read line by line, which is slow, but skips bad lines
        left_out = LeftOut(is_live=is_live)
    try:
        lines = [read.line for read in read_records([segment], Line, left_out)]
        return _table(segment, b"\n".join([*lines, b""]), alone=alone), left_out
    except (DamagedLog, UnknownSchema):  # the text contains no record
        pass
    except _NotSound as error:
        left_out.add(DamagedLog(str(segment), None, str(error)))
    return _table(segment, b"", alone=alone), left_out


def _table(segment: Path, text: bytes, *, alone: bool) -> pa.Table:
    """Parse a text of complete lines. Raises _NotSound unless each line is a record of this schema version."""
    table = _parse(text, alone=alone) if text and not text.isspace() else _SCHEMA.empty_table()
    known = pc.all(pc.fill_null(pc.equal(table["v"], SCHEMA_VERSION), False), min_count=0).as_py()
    complete = table["seq"].null_count + table["ts"].null_count + table["type"].null_count == 0
    dated = pc.all(pc.and_(pc.greater_equal(table["ts"], 0), pc.less(table["ts"], YEAR_10000_TS)), min_count=0).as_py()
    if not (known and complete and dated):
        raise _NotSound
    time = pc.cast(pc.round(pc.multiply(table["ts"], 1e6)), pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    table = table.set_column(2, "time", time).append_column("boot", _boots(segment, table))
    for name in _NAMES_THAT_REPEAT:
        table = table.set_column(table.column_names.index(name), name, table[name].dictionary_encode())
    return table


def _parse(text: bytes, *, alone: bool) -> pa.Table:
    try:
        try:
            table = _read_json(text, _BLOCK_BYTES, alone=alone)
        except pa.ArrowInvalid:  # a record may be longer than a block
            table = _read_json(text, max(_BLOCK_BYTES, _longest_line_bytes(text)), alone=alone)
        table.validate(full=True)  # otherwise invalid UTF-8 would raise an error later, when the text is first used
    except pa.ArrowInvalid as error:
        raise _NotSound(str(error)) from error
    return table


def _read_json(text: bytes, block_bytes: int, *, alone: bool) -> pa.Table:
    options = pa.json.ParseOptions(explicit_schema=_SCHEMA, unexpected_field_behavior="ignore")
    # Several segments are already read in parallel. Only a single segment gains from parsing its blocks in parallel.
    block = pa.json.ReadOptions(block_size=block_bytes, use_threads=alone)
    return pa.json.read_json(pa.BufferReader(text), read_options=block, parse_options=options)


def _longest_line_bytes(text: bytes) -> int:
    ends = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))
    return int(np.diff(ends, prepend=-1).max())


def _boots(segment: Path, table: pa.Table) -> pa.Array:
    """Return the boot of each record: from the header before it, or from the name of the segment."""
    names = [boot_of(segment) or segment.name.split(".")[0]]
    codes = np.zeros(len(table), dtype="int32")
    # `pyarrow.compute.indices_nonzero` crashes Python if the table is empty and pyarrow is older than 26.
    for row in np.flatnonzero(pc.equal(table["type"], "log.header").to_numpy()).tolist():
        codes[row:] = len(names)
        names.append(_boot_of(table["data"][row].as_py()))
    return pa.array(names, pa.string()).take(pa.array(codes))


def _boot_of(data: str | None) -> str:
    try:
        return msgspec.json.decode(data or "", type=_Header).boot
    except NOT_JSON as error:
        raise _NotSound(f"its header names no boot: {error}") from error


def _in_order(events: pd.DataFrame, numbers: Mapping[str, int]) -> pd.DataFrame:
    """Sort the boots by the number of their run, which does not depend on a clock. Boots without a number are sorted by
    time."""
    boots = events["boot"].cat
    number = np.array([numbers.get(boot, 0) for boot in boots.categories], dtype="int64")[boots.codes]
    began = events.groupby("boot", observed=True)["time"].transform("min")
    order = pd.DataFrame({"number": number, "began": began, "boot": boots.codes, "seq": events["seq"]})
    rows = order.sort_values(["number", "began", "boot", "seq"], kind="stable").index
    # The records are usually in order already, and reordering the rows would copy all texts.
    return events if rows.equals(events.index) else events.loc[rows].reset_index(drop=True)
