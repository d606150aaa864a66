"""Finds the first and the last record of each session, and with them the session that a signal was for.

The position of a record is its row in the events table, because records that were written together have the same time.
Rooms and peers are compared by numbers instead of their ids, because a log may have millions of records.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from signaling_sidecar.inspection.tables.appended_rows import with_rows
from signaling_sidecar.inspection.tables.entries import without_dumps
from signaling_sidecar.inspection.tables.restarts import OF_SOCKET
from signaling_sidecar.inspection.tables.text_dtype import TEXT

_Numbers = npt.NDArray[np.int64]


def session_spans(events: pd.DataFrame, listed: pd.DataFrame) -> pd.DataFrame:
    """Return one row per session, in order of appearance: `dialect room peer boot first last`. `listed` are the
    `listed_sessions` of the log.

    The index is the session id, and `first` and `last` are rows of the events table. A session without a `peer.left`,
    also among the `listed`, lasts until the end of the last boot that has a record of it, or that has restored the
    session.
    """
    is_own = events["session"].notna() & ~events["type"].isin(OF_SOCKET)
    own = events.loc[is_own, ["session", "dialect", "room", "peer", "boot", "type"]]
    own = with_rows(own, listed).sort_index(kind="stable")
    earliest = own.drop_duplicates("session")
    spans = earliest.drop(columns="type").set_index("session")
    spans.index = spans.index.astype(TEXT)
    spans["first"] = earliest.index
    boots = without_dumps(events[["boot", "type", "kind"]])["boot"]
    boot_end = boots.drop_duplicates(keep="last").reset_index().set_index("boot")["index"]
    latest = own.drop_duplicates("session", keep="last").set_index("session")["boot"]
    left = own[own["type"] == "peer.left"].drop_duplicates("session")
    ends = pd.Series(left.index, index=left["session"].astype(TEXT))
    open_ends = latest.astype(TEXT).map(boot_end)
    open_ends.index = open_ends.index.astype(TEXT)
    spans["last"] = ends.reindex(spans.index).fillna(open_ends.reindex(spans.index)).astype("int64")
    return spans


def receiving_sessions(signals: pd.DataFrame, spans: pd.DataFrame) -> pd.Series[Any]:
    """Return for each signal the session that had the peer id `to` when the signal was sent, as a category.

    `signals` are rows of the events table, in order.
    """
    sent = pd.DataFrame({"peer": _peers(signals, "to", spans), "row": signals.index})
    held = pd.DataFrame({"peer": _peers(spans, "peer", spans), "row": spans["first"], "last": spans["last"]}).assign(
        session=range(len(spans))
    )
    named = pd.merge_asof(sent[sent["peer"] >= 0], held.sort_values("row"), on="row", by="peer").set_index("row")
    sessions = named["session"].where(named["last"] >= named.index).reindex(signals.index).fillna(-1).astype("int64")
    found = pd.Categorical.from_codes(sessions.to_numpy(), spans.index.rename(None)).remove_unused_categories()
    return pd.Series(found.reorder_categories(found.categories.sort_values()), index=signals.index)


def broadcasts_heard(signals: pd.DataFrame, spans: pd.DataFrame) -> pd.Series[int]:
    """Count for each session the signals to all peers of its room between its first and its last record."""
    broadcasts = signals[signals["to"].isna()]
    rows = max(signals.index.max(), spans["last"].max()) + 1 if len(broadcasts) and len(spans) else 1
    sent = np.sort(_rooms(broadcasts, spans) * rows + broadcasts.index.to_numpy())
    room = _rooms(spans, spans) * rows
    until = np.searchsorted(sent, room + spans["last"].to_numpy(), side="right")
    return pd.Series(until - np.searchsorted(sent, room + spans["first"].to_numpy()), index=spans.index)


def _rooms(rows: pd.DataFrame, spans: pd.DataFrame) -> _Numbers:
    """Return a number for the dialect and the room of each row, or -1 for a row without a room.

    The categories of `rows` must be the first ones of `spans`, which may have rooms that only a checkpoint lists.
    """
    dialect, room = (rows[name].cat.codes.to_numpy(dtype="int64") for name in ("dialect", "room"))
    number = dialect * len(spans["room"].cat.categories) + room
    return np.where((dialect < 0) | (room < 0), -1, number)


def _peers(rows: pd.DataFrame, column: str, spans: pd.DataFrame) -> _Numbers:
    """Return a number for the dialect, the room and the peer id in a column of each row, or -1 if one of them is
    missing.

    Peer ids get the numbers that they have in the categories of `spans`, because each column has its own categories.
    """
    known = spans["peer"].cat.categories
    room = _rooms(rows, spans)
    peer = np.append(known.get_indexer(rows[column].cat.categories), -1)[rows[column].cat.codes]
    return np.where((room < 0) | (peer < 0), -1, room * len(known) + peer)
