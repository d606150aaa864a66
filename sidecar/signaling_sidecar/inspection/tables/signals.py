"""The table of signals: the relayed and refused frames, and what they contain."""

from __future__ import annotations

from operator import attrgetter

import pandas as pd

from signaling_sidecar.diagnosis.record_data import About, media_of, read_about
from signaling_sidecar.eventlog import FRAME_RECORDS
from signaling_sidecar.eventlog.payload import NO_CONTENT
from signaling_sidecar.inspection.tables.column_values import column_of, values_of
from signaling_sidecar.inspection.tables.common_categories import with_common_categories, with_text_categories
from signaling_sidecar.inspection.tables.spans import receiving_sessions, session_spans
from signaling_sidecar.inspection.tables.text_dtype import TEXT
from signaling_sidecar.progress import Progress

_OUTCOMES = {
    "signal.relayed": "relayed",
    "signal.refused": "refused",
    "signal.kept": "kept",
    "signal.expired": "expired",
}
_READ = ["time", "type", "dialect", "room", "peer", "to", "kind", "bytes", "session", "boot", "seq"]
_COLUMNS = [
    *("time", "dialect", "room", "peer", "to", "kind", "bytes", "outcome", "code", "count", "message"),
    *("sdp_type", "description_bytes", "ufrag", "candidate_type", "protocol", "address_class", "address", "port"),
    *("session", "to_session", "boot", "seq"),
]
_REFUSAL_DTYPES = {"code": "category", "count": "Int64", "message": TEXT}
_NOT_REFUSED = About()
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


def signals_table(events: pd.DataFrame, listed: pd.DataFrame, progress: Progress) -> pd.DataFrame:
    """Make the table that `EventLog.signals` documents. `listed` are the `listed_sessions` of the log."""
    is_signal = events["type"].isin(list(_OUTCOMES))
    signals = events.loc[is_signal, _READ]
    has_frame = signals["type"].isin(FRAME_RECORDS)
    signals["outcome"] = signals["type"].astype(TEXT).map(_OUTCOMES).astype("category")
    abouts, medias = [], []
    data = values_of(events["data"], is_signal.to_numpy(), progress)
    for is_frame, kind, text in zip(has_frame, values_of(signals["kind"]), data, strict=True):
        abouts.append(_NOT_REFUSED if is_frame else read_about(text))
        medias.append(media_of(kind, text) if is_frame else NO_CONTENT.media)
    for name, dtype in _REFUSAL_DTYPES.items():
        signals[name] = column_of([*map(attrgetter(name), abouts)], dtype, signals.index)
    for name, dtype in _MEDIA_DTYPES.items():
        signals[name] = column_of([*map(attrgetter(name), medias)], dtype, signals.index)
    signals["to_session"] = receiving_sessions(signals, session_spans(events, listed))
    signals = signals[_COLUMNS].astype({"count": "int64"}).reset_index(drop=True)
    return with_common_categories(with_text_categories(signals), "session", "to_session")
