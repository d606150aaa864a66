"""Names of boots (one run of the sidecar each), which are in the order of the runs whatever the clock said.

Runs are counted per state folder. Names of releases that put the time into them, as hexadecimal digits, come before.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path

_SEGMENT = re.compile(r"events-(?P<boot>.+)-\d{4,}\.jsonl(\.gz)?")
_COUNTED = re.compile(r"r(?P<number>\d{7})-.*")  # seven digits are a start every minute for 19 years


def new_boot(folder: Path) -> str:
    """Name a run that comes after all of which the folder has something; no name is ever given twice."""
    boots = (name.name.removeprefix("events-") for name in folder.glob("events-r*"))
    return counted(max(map(run_number, boots), default=0) + 1, secrets.token_hex(4))


def counted(number: int, name: str) -> str:
    """Give a boot's name its place in the order of the runs."""
    return f"r{number:07}-{name}"


def run_number(boot: str) -> int:
    """Say which run in its state folder it was, from 1; 0: its name does not tell."""
    counted = _COUNTED.fullmatch(boot)
    return int(counted["number"]) if counted else 0


def boot_of(segment: Path) -> str | None:
    """Say whose segment it is by the file's name; None: it has another name than the sidecar gives."""
    named = _SEGMENT.fullmatch(segment.name)
    return named["boot"] if named else None
