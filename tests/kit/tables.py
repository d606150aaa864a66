"""Helpers for tests of the tables of `inspection`."""

from __future__ import annotations

import re

from signaling_sidecar.inspection import EventLog
from signaling_sidecar.inspection.tables.text_dtype import TEXT


def described(table: str, of: type = EventLog) -> dict[str, str]:
    """The columns and dtypes that the docstring of a table lists between horizontal lines."""
    doc = getattr(of, table).__doc__
    listed = re.split(r"^ *=+ =+ =+$", doc, flags=re.MULTILINE)[1]
    rows = [re.fullmatch(r" *(\w+) +(datetime64\[us, UTC\]|\w+) +\S.*", line) for line in listed.strip().split("\n")]
    return {row[1]: str(TEXT) if row[2] == "str" else row[2] for row in rows if row}


def reasons(log: EventLog) -> dict[str, str]:
    return dict(zip(log.pairs["room"], log.pairs["reason"], strict=True))
