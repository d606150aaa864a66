"""Rows of the events table as the records that diagnosis and drawings read."""

from __future__ import annotations

import pandas as pd

from signaling_sidecar.diagnosis import Entry


def entries_of(events: pd.DataFrame) -> list[Entry]:
    """Turn rows of the events table into entries, in the same order."""
    fields = [name for name in Entry.__struct_fields__ if name != "ts"]
    columns = [events[name].astype(object).where(events[name].notna(), None) for name in fields]
    ts = events["time"].astype("int64") / 1e6
    return [Entry(ts=at, **dict(zip(fields, row, strict=True))) for at, *row in zip(ts, *columns, strict=True)]
