"""The table of candidates: every address of a peer that was signaled."""

from __future__ import annotations

import pandas as pd

from signaling_sidecar.eventlog.payload import find_candidates, find_media
from signaling_sidecar.inspection.tables.text_dtype import TEXT

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


# The word itself, and its three forms in base64, which depend on its position within a group of three bytes.
_NAMED = "candidate|Y2FuZGlkYXRl|NhbmRpZGF0|jYW5kaWRhdG"


def candidates_table(events: pd.DataFrame) -> pd.DataFrame:
    """Make the table that `EventLog.candidates` documents."""
    relayed = events[(events["type"] == "signal.relayed") & events["data"].notna()]
    # Most frames contain no candidate, and searching for a word is much faster than decoding them.
    relayed = relayed[relayed["data"].str.contains(_NAMED, regex=True)]
    found = [(row, each) for row, data in relayed["data"].items() for each in find_candidates(data)]
    rows = relayed.loc[[row for row, _ in found], [*_SAID, "data"]].reset_index(drop=True)
    for name, dtype in _DTYPES.items():
        rows[name] = pd.Series([getattr(each, name) for _, each in found], index=rows.index, dtype=dtype)
    rows["in_description"] = rows["data"].map(_has_description).astype("bool")
    return rows[_COLUMNS]


def _has_description(data: str) -> bool:
    return find_media(data).description_bytes is not None
