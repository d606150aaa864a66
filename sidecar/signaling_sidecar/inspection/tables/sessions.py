"""The table of sessions: when each peer was in which room, with its connections and signals."""

from __future__ import annotations

from typing import Any

import pandas as pd

from signaling_sidecar.diagnosis.record_data import read_about
from signaling_sidecar.inspection.tables.spans import receiving_sessions, session_spans
from signaling_sidecar.inspection.tables.text_dtype import TEXT

_COLUMNS = [
    *("dialect", "room", "peer", "name", "session", "joined", "left", "reason", "connections", "pages"),
    *("times_away", "away_s", "sent", "received", "refused", "boot"),
]


def sessions_table(events: pd.DataFrame) -> pd.DataFrame:
    """Make the table that `EventLog.sessions` documents."""
    table = session_spans(events)
    own = events[events["session"].isin(table.index)].assign(session=lambda rows: rows["session"].astype(TEXT))
    joined = own[own["type"] == "peer.joined"].drop_duplicates("session").set_index("session")
    left = own[own["type"] == "peer.left"].drop_duplicates("session").set_index("session")
    table["joined"] = joined["time"].reindex(table.index)
    table["left"] = left["time"].reindex(table.index)
    said = own[own["type"].isin(["peer.joined", "peer.updated", "peer.resumed", "peer.left"])]
    about = pd.DataFrame(
        [(a.name, a.instance, a.reason) for a in map(read_about, said["data"])],
        columns=["name", "instance", "reason"],
        index=said["session"],
    )
    by_session = about.groupby(level=0, sort=False)
    table["name"] = by_session["name"].last().reindex(table.index).astype(TEXT)
    table["reason"] = by_session["reason"].last().reindex(table.index).astype("category")
    table["pages"] = by_session["instance"].nunique().reindex(table.index, fill_value=0)
    arrivals = own[own["type"].isin(["peer.joined", "peer.resumed"])].drop_duplicates(["session", "boot", "connection"])
    table["connections"] = _count(arrivals["session"], table)
    _add_absences(table, own, events)
    _add_signals(table, events)
    return table.rename_axis("session").reset_index().astype({"session": "category"})[_COLUMNS]


def _count(sessions: pd.Series[Any], table: pd.DataFrame) -> pd.Series[int]:
    return sessions.astype(TEXT).value_counts().reindex(table.index, fill_value=0).astype("int64")


def _add_absences(table: pd.DataFrame, own: pd.DataFrame, events: pd.DataFrame) -> None:
    turns = own[own["type"].isin(["peer.away", "peer.resumed", "peer.left"])]
    until = turns.groupby("session", sort=False)["time"].shift(-1)
    away = turns["type"] == "peer.away"
    seen_until = events["time"].loc[table["last"].loc[turns["session"]]].set_axis(turns.index)
    away_s = (until.fillna(seen_until) - turns["time"]).dt.total_seconds()[away]
    table["times_away"] = _count(turns.loc[away, "session"], table)
    table["away_s"] = away_s.groupby(turns.loc[away, "session"]).sum().reindex(table.index, fill_value=0.0)


def _add_signals(table: pd.DataFrame, events: pd.DataFrame) -> None:
    relayed = events[events["type"] == "signal.relayed"]
    table["sent"] = _count(relayed["session"], table)
    table["refused"] = _count(events.loc[events["type"] == "signal.refused", "session"], table)
    to_one = _count(receiving_sessions(relayed, table), table)
    table["received"] = to_one + _broadcasts_heard(table, relayed)


def _broadcasts_heard(table: pd.DataFrame, relayed: pd.DataFrame) -> pd.Series[int]:
    """Count the broadcasts in the room between the first and the last record of a session, without its own."""
    broadcasts = relayed[relayed["to"].isna()]
    rows = {where: group.index for where, group in broadcasts.groupby(["dialect", "room"], observed=True)}
    nothing = broadcasts.index[:0]
    heard = [
        rows.get((span.dialect, span.room), nothing).slice_indexer(span.first, span.last) for span in table.itertuples()
    ]
    in_span = pd.Series([s.stop - s.start for s in heard], index=table.index, dtype="int64")
    return in_span - _count(broadcasts["session"], table)
