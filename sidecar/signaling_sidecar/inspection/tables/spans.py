"""Finds the first and the last record of each session, and with them the session that a signal was for.

The position of a record is its row in the events table, because records that were written together have the same time.
"""

from __future__ import annotations

import pandas as pd

from signaling_sidecar.inspection.tables.text_dtype import TEXT

_WHERE = ["dialect", "room", "peer"]


def session_spans(events: pd.DataFrame) -> pd.DataFrame:
    """Return one row per session, in order of appearance: `dialect room peer boot first last`.

    The index is the session id, and `first` and `last` are rows of the events table. A session without a `peer.left`
    lasts until the end of the last boot that has a record of it.
    """
    # The records of a connection come before its peer has joined, and after it has left.
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
    """Return for each signal the session that had the peer id `to` when it was sent.

    `signals` are rows of the events table, in order.
    """
    sent = signals[["dialect", "room", "to"]].astype(TEXT).set_axis(_WHERE, axis=1)
    sent["row"] = signals.index
    held = spans[[*_WHERE]].astype(TEXT).assign(first=spans["first"], last=spans["last"], session=spans.index)
    named = pd.merge_asof(
        sent[sent["peer"].notna()], held.sort_values("first"), left_on="row", right_on="first", by=_WHERE
    ).set_index("row")
    return named["session"].where(named["last"] >= named.index).reindex(signals.index).astype(TEXT)
