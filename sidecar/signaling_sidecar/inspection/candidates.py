"""The table of candidates: every way to reach a peer that was signaled."""

from __future__ import annotations

import pandas as pd

from signaling_sidecar.eventlog.payload import find_candidates
from signaling_sidecar.inspection.text_dtype import TEXT

_SAID = ("time", "dialect", "room", "peer", "to", "session", "boot", "seq")
_DTYPES = {
    "type": "category",
    "protocol": "category",
    "address_class": "category",
    "address": TEXT,
    "port": "Int64",
    "ufrag": TEXT,
}
_COLUMNS = ["time", "dialect", "room", "peer", "to", *_DTYPES, "in_description", "session", "boot", "seq"]


def candidates_table(events: pd.DataFrame) -> pd.DataFrame:
    """Make the table that `EventLog.candidates` documents."""
    relayed = events[(events["type"] == "signal.relayed") & events["data"].notna()]
    # Most frames of an app's own have none, and to look for a word is much faster than to read them.
    relayed = relayed[relayed["data"].str.contains("candidate", regex=False)]
    found = [(row, each) for row, data in relayed["data"].items() for each in find_candidates(data)]
    rows = relayed.loc[[row for row, _ in found], [*_SAID, "data"]].reset_index(drop=True)
    for name, dtype in _DTYPES.items():
        rows[name] = pd.Series([getattr(each, name) for _, each in found], index=rows.index, dtype=dtype)
    rows["in_description"] = rows["data"].str.contains("v=0", regex=False).astype("bool")
    return rows[_COLUMNS]
