"""The table of signals: the relayed and refused frames, and what they contain."""

from __future__ import annotations

import pandas as pd

from signaling_sidecar.diagnosis.record_data import media_of, read_about
from signaling_sidecar.eventlog import FRAME_RECORDS
from signaling_sidecar.inspection.tables.spans import receiving_sessions, session_spans
from signaling_sidecar.inspection.tables.text_dtype import TEXT

_OUTCOMES = {
    "signal.relayed": "relayed",
    "signal.refused": "refused",
    "signal.kept": "kept",
    "signal.expired": "expired",
}
_COLUMNS = [
    *("time", "dialect", "room", "peer", "to", "kind", "bytes", "outcome", "code", "count", "message"),
    *("sdp_type", "description_bytes", "ufrag", "candidate_type", "protocol", "address_class", "address", "port"),
    *("session", "to_session", "boot", "seq"),
]
_MEDIA_DTYPES = {
    "sdp_type": "category",
    "description_bytes": "Int64",
    "ufrag": TEXT,
    "candidate_type": "category",
    "protocol": "category",
    "address_class": "category",
    "address": TEXT,
    "port": "Int64",
}


def signals_table(events: pd.DataFrame) -> pd.DataFrame:
    """Make the table that `EventLog.signals` documents."""
    signals = events[events["type"].isin(list(_OUTCOMES))].copy()
    has_frame = signals["type"].isin(FRAME_RECORDS)
    signals["outcome"] = signals["type"].astype(TEXT).map(_OUTCOMES).astype("category")
    refusals = [read_about(data) for data in signals["data"].where(~has_frame)]
    signals["code"] = pd.Series([r.code for r in refusals], index=signals.index, dtype="category")
    signals["count"] = pd.Series([r.count for r in refusals], index=signals.index, dtype="int64")
    signals["message"] = pd.Series([r.message for r in refusals], index=signals.index, dtype=TEXT)
    found = [media_of(kind, data) for kind, data in zip(signals["kind"], signals["data"].where(has_frame), strict=True)]
    for name, dtype in _MEDIA_DTYPES.items():
        signals[name] = pd.Series([getattr(media, name) for media in found], index=signals.index, dtype=dtype)
    signals["to_session"] = receiving_sessions(signals, session_spans(events)).astype("category")
    return signals[_COLUMNS].reset_index(drop=True)
