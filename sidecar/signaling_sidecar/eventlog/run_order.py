"""Find out whether the records of a log are in order: run after run, and by `seq` within each run.

In the files of a sidecar, the records are in order. In a file that somebody has joined from several files, the records
may be in any order.
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

UNNUMBERED = {"log.header": 1, "log.checkpoint": 2, "log.exported": 3}
"""By record type, a number by which records with the same `seq` are sorted. In the log of a cluster, and at the end of
an exported log, records of these types have the same `seq` as the record before them."""


class RunOrder(NamedTuple):
    """The order of the runs in a log."""

    ranks: Mapping[str, int]
    """By boot id, the position of each run in the order."""
    is_kept: bool
    """Whether all records are in order, and none is in the log twice. False if several files contain an exported log,
    because each of them may be about another room or another time."""


def are_of_one_sidecar(segments: Sequence[Path]) -> bool:
    """Whether all segments are in one folder, and have the names that a sidecar gives them."""
    return not are_of_several_folders(segments) and all(map(boot_of, segments))


def order_of(segments: Sequence[Path]) -> RunOrder:
    """Find the order of the runs in a log, without keeping a record in memory.

    The runs are ordered by their number, which does not depend on a clock. Runs without a number are ordered by time.
    """
    numbers: dict[str, int] = {}
    began: dict[str, float] = {}
    is_kept, has_parts, last_boot, last_place = True, False, "", (0, 0)
    is_one_folder = not are_of_several_folders(segments)
    with suppress(DamagedLog, UnknownSchema):  # the caller gets the same error when it reads the records
        for boot, stamp, _, segment, _ in read_records(segments, Stamp, LeftOut()):
            place = place_of(stamp)
            has_parts |= stamp.type == "log.exported"
            if boot == last_boot:
                is_kept &= place > last_place
            elif boot in began:
                is_kept = False
            else:
                numbers[boot] = run_number(boot_of(segment) or boot) if is_one_folder else 0
            began[boot] = min(began.get(boot, stamp.ts), stamp.ts)
            last_boot, last_place = boot, place
    boots = sorted(began, key=lambda boot: (numbers[boot], began[boot], boot))
    is_kept &= boots == list(began) and not (has_parts and len(segments) > 1)
    return RunOrder({boot: rank for rank, boot in enumerate(boots)}, is_kept)


def place_of(record: Stamp) -> tuple[int, int]:
    """Return the place of a record in its run. No other record of the run has the same place."""
    return record.seq, UNNUMBERED.get(record.type, 0)
