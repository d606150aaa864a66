"""Create and parse boot ids, and the file names of segments, which contain them. A boot id names one run of the
sidecar, from its start to its end.

A boot id begins with the number of the run in its state folder, so boot ids sort in the order of the runs even if the
clock was wrong. Earlier releases used the time in hexadecimal digits as the boot id; those ids sort before the numbered
ones.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path

_SEGMENT = re.compile(r"events-(?P<boot>.+)-\d{4,}\.jsonl(\.gz)?")
_COUNTED = re.compile(r"r(?P<number>\d{7})-.*")  # seven digits are enough for a start every minute for 19 years


def new_boot_id(folder: Path) -> str:
    """Generate a unique id for a new run, which sorts after all runs that have a segment in the folder."""
    boots = (name.name.removeprefix("events-") for name in folder.glob("events-r*"))
    return boot_id(max(map(run_number, boots), default=0) + 1, secrets.token_hex(4))


def boot_id(number: int, name: str) -> str:
    """Build a boot id from the number of the run and a unique name."""
    return f"r{number:07}-{name}"


def run_number(boot: str) -> int:
    """Return the number of the run in its state folder, counted from 1, or 0 if the boot id has no number."""
    counted = _COUNTED.fullmatch(boot)
    return int(counted["number"]) if counted else 0


def segment_name(boot: str, number: int) -> str:
    """Build the file name of a segment, so that the names of all segments of a run are in the order of their
    numbers."""
    # A point sorts before a digit, so `9999.jsonl` sorts before `999900010000.jsonl`.
    digits = f"{number:04}" if number <= 9999 else f"9999{number:08}"
    return f"events-{boot}-{digits}.jsonl"


def boot_of(segment: Path) -> str | None:
    """Return the boot id in the name of a segment, or None if the file name is not one that the sidecar uses."""
    named = _SEGMENT.fullmatch(segment.name)
    return named["boot"] if named else None
