"""Whether the records of a log are in the order in which they were written: run after run, and by `seq` in each run.

Those in the files of a sidecar are. Those in a file that somebody has joined from several others may not be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from signaling_sidecar.errors import DamagedLog, UnknownSchema
from signaling_sidecar.eventlog.boot_ids import boot_of, run_number
from signaling_sidecar.eventlog.records import LeftOut, Stamp, read_records
from signaling_sidecar.eventlog.segments import are_of_several_folders

_BEGINNINGS = {"log.header": 1, "log.checkpoint": 2}
"""In the log of a cluster, these have the number of the record before them."""


class RunOrder(NamedTuple):
    """The order of the runs in a log."""

    ranks: Mapping[str, int]
    """The place of each run, by boot id."""
    is_kept: bool
    """Whether all records are in order, and each is there once."""


def are_of_one_sidecar(segments: Sequence[Path]) -> bool:
    """Whether all segments are in one folder, and have the names that a sidecar gives them."""
    return not are_of_several_folders(segments) and all(map(boot_of, segments))


def order_of(segments: Sequence[Path]) -> RunOrder:
    """Read a log without keeping a record in memory.

    The runs are ordered by their number, which does not depend on a clock, or by their times without one.
    """
    numbers: dict[str, int] = {}
    began: dict[str, float] = {}
    is_kept, last_boot, last_place = True, "", (0, 0)
    is_one_folder = not are_of_several_folders(segments)
    with suppress(DamagedLog, UnknownSchema):  # nothing can be read, and whoever reads the log next is told why
        for boot, stamp, _, segment, _ in read_records(segments, Stamp, LeftOut()):
            place = place_of(stamp)
            if boot == last_boot:
                is_kept &= place > last_place
            elif boot in began:
                is_kept = False
            else:
                numbers[boot] = run_number(boot_of(segment) or boot) if is_one_folder else 0
            began[boot] = min(began.get(boot, stamp.ts), stamp.ts)
            last_boot, last_place = boot, place
    boots = sorted(began, key=lambda boot: (numbers[boot], began[boot], boot))
    return RunOrder({boot: rank for rank, boot in enumerate(boots)}, is_kept and boots == list(began))


def place_of(record: Stamp) -> tuple[int, int]:
    """Return the place of a record in its run, which no other record of the run has."""
    return record.seq, _BEGINNINGS.get(record.type, 0)
