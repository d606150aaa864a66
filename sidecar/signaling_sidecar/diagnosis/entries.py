"""The records of a log as plain Python objects, for the diagnosis and the drawings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from signaling_sidecar.eventlog.records import LeftOut, Stamp, read_records

NO_SIGN_OF_LIFE = ("signal.refused", "connection.opened", "connection.closed")
"""Types of records that may name a room which does not exist, such as a join that was refused."""


class Entry(Stamp, frozen=True, gc=False):
    """The fields of one record that a diagnosis or a drawing needs. `boot` and `seq` together identify it."""

    dialect: str | None = None
    room: str | None = None
    peer: str | None = None
    to: str | None = None
    connection: int | None = None
    session: str | None = None
    kind: str | None = None
    bytes: int | None = None
    data: str | None = None
    boot: str = ""

    def without_data(self) -> Entry:
        """Return a copy without the data and its size, to keep. They take far more memory than all other fields."""
        return msgspec.structs.replace(self, data=None, bytes=None)


def read_entries(segments: Iterable[Path], left_out: LeftOut | None = None) -> Iterator[Entry]:
    """Read the records of the segments, in their order. Lines that cannot be read are counted in `left_out`.

    Raises DamagedLog or UnknownSchema at the end if no line could be read.
    """
    for boot, entry, *_ in read_records(segments, Entry, left_out or LeftOut()):
        yield msgspec.structs.replace(entry, boot=boot)
