"""Converts rows of the events table to the entries that diagnosis and drawings read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat

import pandas as pd

from signaling_sidecar.diagnosis import Entry
from signaling_sidecar.diagnosis.reports import OF_DUMP
from signaling_sidecar.inspection.tables.column_values import values_of
from signaling_sidecar.progress import Progress


def without_dumps(events: pd.DataFrame) -> pd.DataFrame:
    """Leave out the reports of joined dumps. A dump may be longer than a run of the sidecar, so these reports do not
    show how long the run lasted."""
    is_of_dump = (events["type"] == "trace.state") & (events["kind"] == OF_DUMP)
    return events[~is_of_dump] if is_of_dump.any() else events


def entries_of(events: pd.DataFrame, progress: Progress | None = None) -> Iterator[Entry]:
    """Yield the rows of the events table as entries, in the same order. A field for which `events` has no column is
    None."""
    columns = events.assign(ts=events["time"].astype("int64") / 1e6)
    first, *others = Entry.__struct_fields__
    values = [values_of(columns[name]) if name in columns else repeat(None) for name in others]
    return map(Entry, values_of(columns[first], progress=progress), *values)
