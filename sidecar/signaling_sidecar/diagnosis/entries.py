"""The records of a log that tell who met whom and what became of it, read without pandas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from signaling_sidecar.errors import DamagedLog
from signaling_sidecar.eventlog import SCHEMA_VERSION
from signaling_sidecar.eventlog.segments import whole_lines

TOLD = ("peer.", "signal.", "trace.", "room.", "connection.", "log.header", "log.checkpoint", "log.exported")


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One record, as far as a diagnosis looks at it. `boot` and `seq` together name it."""

    seq: int
    ts: float
    type: str
    dialect: str | None = None
    room: str | None = None
    peer: str | None = None
    to: str | None = None
    connection: int | None = None
    session: str | None = None
    kind: str | None = None
    data: str | None = None
    boot: str = ""


class _Typed(msgspec.Struct, frozen=True, gc=False):
    v: int
    type: str


class _Header(msgspec.Struct):
    boot: str


def read_entries(segments: Sequence[Path]) -> Iterator[Entry]:
    """Read the records of the segments, in their order; other versions' are left out.

    Raises `DamagedLog` for a line that is no record.
    """
    type_of, entry_of = msgspec.json.Decoder(_Typed).decode, msgspec.json.Decoder(Entry).decode
    for segment in segments:
        boot = ""
        for number, line in enumerate(whole_lines(segment).splitlines(), 1):
            try:
                typed = type_of(line)
                if typed.v != SCHEMA_VERSION or not typed.type.startswith(TOLD):
                    continue
                entry = entry_of(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise DamagedLog(str(segment), number, str(error)) from error
            if entry.type == "log.header":
                boot = msgspec.json.decode(entry.data or "", type=_Header).boot
            else:
                yield msgspec.structs.replace(entry, boot=boot)
