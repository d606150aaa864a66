"""The table of candidates: one row for each ICE candidate in a relayed signal."""

from __future__ import annotations

from operator import attrgetter

import numpy as np
import pandas as pd

from signaling_sidecar.eventlog.payload import Candidate, read_content
from signaling_sidecar.inspection.tables.column_values import column_of, values_of
from signaling_sidecar.inspection.tables.common_categories import with_text_categories
from signaling_sidecar.inspection.tables.text_dtype import TEXT
from signaling_sidecar.progress import Progress

_SAID = ["time", "dialect", "room", "peer", "to", "session", "boot", "seq"]
_DTYPES = {
    "type": "category",
    "protocol": "category",
    "address_class": "category",
    "address": TEXT,
    "port": "Int64",
    "ufrag": TEXT,
}
_COLUMNS = ["time", "dialect", "room", "peer", "to", *_DTYPES, "in_description", "session", "boot", "seq"]


def candidates_table(events: pd.DataFrame, progress: Progress) -> pd.DataFrame:
    """Make the table that `EventLog.candidates` documents."""
    is_relayed = ((events["type"] == "signal.relayed") & events["data"].notna()).to_numpy()
    found: list[Candidate] = []
    counts: list[int] = []
    is_described: list[bool] = []
    for data in values_of(events["data"], is_relayed, progress):
        content = read_content(data)
        found += content.candidates
        counts.append(len(content.candidates))
        is_described.append(content.description is not None)
    rows = np.repeat(np.flatnonzero(is_relayed), counts)
    table = events[_SAID].iloc[rows].reset_index(drop=True)
    for name, dtype in _DTYPES.items():
        table[name] = column_of([*map(attrgetter(name), found)], dtype, table.index)
    table["in_description"] = np.repeat(np.array(is_described, dtype="bool"), counts)
    return with_text_categories(table[_COLUMNS])
