"""From segments to one table of records. The only place that knows how a log is read.

A million records are read in seconds, so this is columns from the start: pyarrow parses whole segments by an explicit
schema, and no Python object is made per record. Segments are read beside each other, because unpacking and parsing both
let other threads run. Fields that the schema does not name are left out: a newer release may write more of them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
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

from signaling_sidecar.errors import DamagedLog
from signaling_sidecar.eventlog import SCHEMA_VERSION, Line
from signaling_sidecar.eventlog.segments import whole_lines
from signaling_sidecar.inspection.errors import UnknownSchema
from signaling_sidecar.inspection.load_progress import with_progress

_ARROW_TYPES = {int: pa.int64(), float: pa.float64(), str: pa.string()}
_SCHEMA = pa.schema(
    {name: _ARROW_TYPES[next(iter(get_args(hint)), hint)] for name, hint in get_type_hints(Line).items()}
)
_NAMES_THAT_REPEAT = ("type", "dialect", "room", "peer", "to", "session", "kind", "boot")
_SEGMENT_NAME = re.compile(r"events-(?P<boot>[^.]+)-\d+\.jsonl")
_WORKERS = min(4, os.cpu_count() or 1)  # each holds the text of one segment, which is 64 MiB
_BLOCK_BYTES = 4 << 20  # pyarrow parses blocks in parallel; its own default of 1 MiB is less than a large checkpoint


class _Version(msgspec.Struct):
    v: object = None


class _Header(msgspec.Struct):
    boot: str


def read_events(segments: Sequence[Path]) -> pd.DataFrame:
    """Read every record of the segments, boot after boot, each boot in the order of its `seq`.

    Raises `DamagedLog` and `UnknownSchema`; never for a torn last line, an empty segment, or an unknown field.
    """
    with ThreadPoolExecutor(_WORKERS, "log-read") as pool:
        read = pool.map(partial(_read_segment, alone=len(segments) == 1), segments)
        tables = [table for _, table in zip(with_progress(segments), read, strict=True)]
    # Their texts stay in the pieces they were read in: to join them would take as much memory again.
    table = pa.concat_tables(tables).unify_dictionaries()
    del tables
    events = table.to_pandas(
        types_mapper={pa.int64(): pd.Int64Dtype(), pa.string(): pd.StringDtype(na_value=np.nan)}.get,
        self_destruct=True,
    )
    return _in_order(events.astype({"v": "int64", "seq": "int64"}))


def _read_segment(segment: Path, *, alone: bool) -> pa.Table:
    text = whole_lines(segment)
    table = _parse(segment, text, alone=alone) if text and not text.isspace() else _SCHEMA.empty_table()
    _check_versions(segment, text, table)
    time = pc.cast(pc.round(pc.multiply(table["ts"], 1e6)), pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    table = table.set_column(2, "time", time).append_column("boot", _boots(segment, table))
    for name in _NAMES_THAT_REPEAT:
        table = table.set_column(table.column_names.index(name), name, table[name].dictionary_encode())
    return table


def _parse(segment: Path, text: bytes, *, alone: bool) -> pa.Table:
    try:
        try:
            table = _read_json(text, _BLOCK_BYTES, alone=alone)
        except pa.ArrowInvalid:  # perhaps only for a record that is longer than a block
            table = _read_json(text, max(_BLOCK_BYTES, _longest_line_bytes(text)), alone=alone)
        table.validate(full=True)  # or bytes that are no UTF-8 would raise wherever they are first looked at
    except pa.ArrowInvalid as error:
        raise _blame(segment, text) or DamagedLog(str(segment), None, str(error)) from error
    return table


def _read_json(text: bytes, block_bytes: int, *, alone: bool) -> pa.Table:
    options = pa.json.ParseOptions(explicit_schema=_SCHEMA, unexpected_field_behavior="ignore")
    # Segments beside each other need no hand-over between threads; blocks of one are the way for a lone segment.
    block = pa.json.ReadOptions(block_size=block_bytes, use_threads=alone)
    return pa.json.read_json(pa.BufferReader(text), read_options=block, parse_options=options)


def _longest_line_bytes(text: bytes) -> int:
    ends = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))
    return int(np.diff(ends, prepend=-1).max())


def _check_versions(segment: Path, text: bytes, table: pa.Table) -> None:
    known = pc.all(pc.fill_null(pc.equal(table["v"], SCHEMA_VERSION), False), min_count=0).as_py()
    complete = table["seq"].null_count + table["ts"].null_count + table["type"].null_count == 0
    if not (known and complete) and (error := _blame(segment, text)):
        raise error


def _blame(segment: Path, text: bytes) -> UnknownSchema | DamagedLog | None:
    """Find the first line that is no record of ours, at leisure: reading has failed already."""
    for number, line in _numbered_lines(text):
        try:
            version = msgspec.json.decode(line, type=_Version).v
            if version != SCHEMA_VERSION:
                return UnknownSchema(str(segment), number, version, SCHEMA_VERSION)
            msgspec.json.decode(line, type=Line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return DamagedLog(str(segment), number, str(error))
    return None


def _numbered_lines(text: bytes) -> Iterator[tuple[int, bytes]]:
    return ((number, line) for number, line in enumerate(text.split(b"\n"), 1) if line.strip())


def _boots(segment: Path, table: pa.Table) -> pa.Array:
    """Name each record's boot: said by the header above it, or else by the segment's name."""
    named = _SEGMENT_NAME.match(segment.name)
    boots = np.full(len(table), named["boot"] if named else segment.name.split(".")[0], dtype=object)
    for row in pc.indices_nonzero(pc.equal(table["type"], "log.header")).to_pylist():
        boots[row:] = _boot_of(segment, table["data"][row].as_py())
    return pa.array(boots, pa.string())


def _boot_of(segment: Path, data: str | None) -> str:
    try:
        return msgspec.json.decode(data or "", type=_Header).boot
    except msgspec.DecodeError as error:
        raise DamagedLog(str(segment), None, f"its header names no boot: {error}") from error


def _in_order(events: pd.DataFrame) -> pd.DataFrame:
    began = events.groupby("boot", observed=True)["time"].transform("min")
    order = pd.DataFrame({"began": began, "boot": events["boot"].cat.codes, "seq": events["seq"]})
    rows = order.sort_values(["began", "boot", "seq"], kind="stable").index
    # As they were written, mostly; to take rows copies all texts.
    return events if rows.equals(events.index) else events.loc[rows].reset_index(drop=True)
