"""Read the records of a log as Python objects, for the diagnosis and the drawings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from signaling_sidecar.eventlog.records import LeftOut, Stamp, read_records
from signaling_sidecar.eventlog.run_order import are_of_one_sidecar, order_of, place_of

NO_SIGN_OF_LIFE = ("signal.refused", "connection.opened", "connection.closed")
"""Types of records that may name a room which does not exist, such as the room of a refused join."""


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
        """Return a copy without the data and its size, which take far more memory than all other fields."""
        return msgspec.structs.replace(self, data=None, bytes=None)


def read_entries(
    segments: Sequence[Path], left_out: LeftOut | None = None, reached: Callable[[int], object] | None = None
) -> Iterator[Entry]:
    """Read each record of the segments once, run after run. Lines that cannot be read are counted in `left_out`.
    `reached` is called with the number of segments that have been read.

    Only a log whose records are not in this order is read into memory as a whole. Raises DamagedLog or UnknownSchema at
    the end if no line could be read.
    """
    # Files with the names that a sidecar gives them are in order. Other files are read twice, first to find the order.
    order = None if are_of_one_sidecar(segments) else order_of(segments)
    files = segments if reached is None else _reported(segments, reached)
    is_kept = order is None or order.is_kept
    records = read_records(files, Entry, left_out or LeftOut(), are_parts=not is_kept)
    entries = (msgspec.structs.replace(entry, boot=boot) for boot, entry, *_ in records)
    return entries if order is None or is_kept else _in_order(entries, order.ranks)


def _in_order(entries: Iterator[Entry], ranks: Mapping[str, int]) -> Iterator[Entry]:
    by_place: dict[tuple[int, tuple[int, int]], Entry] = {}
    for entry in entries:
        # A run without a rank began after `order_of` had read the log, so it is the last run.
        by_place.setdefault((ranks.get(entry.boot, len(ranks)), place_of(entry)), entry)
    return map(by_place.__getitem__, sorted(by_place))


def _reported(segments: Sequence[Path], reached: Callable[[int], object]) -> Iterator[Path]:
    for done, segment in enumerate(segments):
        reached(done)
        yield segment
