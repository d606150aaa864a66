"""From which record to which a session lasts, and so which session a signal was for.

A record's place is its row in the events table: unlike its time it orders records that were written together.
"""

from __future__ import annotations

import pandas as pd

from signaling_sidecar.inspection.tables.text_dtype import TEXT

_WHERE = ["dialect", "room", "peer"]


def session_spans(events: pd.DataFrame) -> pd.DataFrame:
    """One row per session, in order of appearance, indexed by it: `dialect room peer boot first last` (rows).

    A session that the log does not see end lasts as long as the boot that last spoke of it.
    """
    # A connection's own records come before its peer has joined, and after it has left.
    own = events[events["session"].notna() & ~events["type"].isin(["connection.opened", "connection.closed"])]
    spans = own.drop_duplicates("session").set_index("session")[[*_WHERE, "boot"]]
    spans.index = spans.index.astype(TEXT)
    spans["first"] = own.drop_duplicates("session").index
    boot_end = events["boot"].drop_duplicates(keep="last").reset_index().set_index("boot")["index"]
    latest = own.drop_duplicates("session", keep="last").set_index("session")["boot"]
    left = own[own["type"] == "peer.left"].drop_duplicates("session")
    ends = pd.Series(left.index, index=left["session"].astype(TEXT))
    open_ends = latest.astype(TEXT).map(boot_end)
    open_ends.index = open_ends.index.astype(TEXT)
    spans["last"] = ends.reindex(spans.index).fillna(open_ends.reindex(spans.index)).astype("int64")
    return spans


def receiving_sessions(signals: pd.DataFrame, spans: pd.DataFrame) -> pd.Series[str]:
    """For each signal (rows of the events table, in order) the session that its `to` was when it was sent."""
    sent = signals[["dialect", "room", "to"]].astype(TEXT).set_axis(_WHERE, axis=1)
    sent["row"] = signals.index
    held = spans[[*_WHERE]].astype(TEXT).assign(first=spans["first"], last=spans["last"], session=spans.index)
    named = pd.merge_asof(
        sent[sent["peer"].notna()], held.sort_values("first"), left_on="row", right_on="first", by=_WHERE
    ).set_index("row")
    return named["session"].where(named["last"] >= named.index).reindex(signals.index).astype(TEXT)
