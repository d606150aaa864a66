"""The table of sessions: when each peer was in which room, with its connections and signals."""

from __future__ import annotations

from typing import Any

import pandas as pd

from signaling_sidecar.diagnosis.record_data import read_about
from signaling_sidecar.inspection.tables.appended_rows import with_rows
from signaling_sidecar.inspection.tables.column_values import values_of
from signaling_sidecar.inspection.tables.common_categories import with_text_categories
from signaling_sidecar.inspection.tables.entries import without_dumps
from signaling_sidecar.inspection.tables.spans import broadcasts_heard, receiving_sessions, session_spans
from signaling_sidecar.inspection.tables.text_dtype import TEXT

_COLUMNS = [
    *("dialect", "room", "peer", "name", "subject", "session", "joined", "left", "reason", "ending"),
    *("connections", "pages", "times_away", "away_s", "sent", "received", "refused", "boot"),
]
_DESCRIBED_BY = ["peer.joined", "peer.updated", "peer.resumed", "peer.left"]
_CHANGED_BY = [*_DESCRIBED_BY, "peer.away"]
_READ = ["type", "time", "session", "connection", "boot"]


def sessions_table(events: pd.DataFrame, listed: pd.DataFrame, read_ts: float | None) -> pd.DataFrame:
    """Make the table that `EventLog.sessions` documents. `listed` are the `listed_sessions` of the log.

    `read_ts` is when the log of a running sidecar was read (seconds since the epoch), or None for a finished log.
    """
    table = session_spans(events, listed)
    is_of_session = events["session"].notna()
    # Without `data`: selecting rows of it would copy the text of the whole log.
    changes = events.loc[is_of_session & events["type"].isin(_CHANGED_BY), _READ]
    changes = changes.assign(session=changes["session"].astype(TEXT))
    joined = changes[changes["type"] == "peer.joined"].drop_duplicates("session").set_index("session")
    left = changes[changes["type"] == "peer.left"].drop_duplicates("session").set_index("session")
    table["joined"] = joined["time"].reindex(table.index)
    table["left"] = left["time"].reindex(table.index)
    is_described = is_of_session & events["type"].isin(_DESCRIBED_BY)
    about = pd.DataFrame(
        [
            (a.name, a.subject, a.instance, a.reason, a.ending)
            for a in map(read_about, values_of(events["data"], is_described.to_numpy()))
        ],
        columns=["name", "subject", "instance", "reason", "ending"],
        index=changes.loc[changes["type"].isin(_DESCRIBED_BY), "session"],
    )
    by_session = about.groupby(level=0, sort=False)
    names = listed.dropna(subset="name").drop_duplicates("session").set_index("session")["name"]
    table["name"] = by_session["name"].last().reindex(table.index).fillna(names).astype(TEXT)
    table["subject"] = by_session["subject"].last().reindex(table.index).astype(TEXT)
    for name in ("reason", "ending"):
        table[name] = by_session[name].last().reindex(table.index).astype("category")
    table["pages"] = by_session["instance"].nunique().reindex(table.index, fill_value=0)
    arrived = changes[changes["type"].isin(["peer.joined", "peer.resumed"])]
    table["connections"] = _count(arrived.drop_duplicates(["session", "boot", "connection"])["session"], table)
    times = without_dumps(events[["time", "type", "kind"]])["time"].copy()
    if read_ts is not None:  # as in the timeline, a peer that is away now has been away until now
        now = pd.Timestamp(read_ts, unit="s", tz="UTC").round("us")
        times.iloc[-1:] = [max(last, now) for last in times.iloc[-1:]]  # the clock may have been set back since then
    _add_absences(table, changes, times, listed)
    _add_signals(table, events)
    table = table.rename_axis("session").reset_index().astype({"session": "category"})
    return with_text_categories(table[_COLUMNS])


def _count(sessions: pd.Series[Any], table: pd.DataFrame) -> pd.Series[int]:
    counts = sessions.value_counts()
    return counts.set_axis(counts.index.astype(TEXT)).reindex(table.index, fill_value=0).astype("int64")


def _add_absences(table: pd.DataFrame, changes: pd.DataFrame, times: pd.Series[Any], listed: pd.DataFrame) -> None:
    read = ["session", "type", "time"]
    turns = changes.loc[changes["type"].isin(["peer.away", "peer.resumed", "peer.left"]), read]
    turns = with_rows(turns, listed[listed["type"] == "peer.away"])
    turns = turns.sort_index(kind="stable").reset_index(drop=True)
    by_session = turns.groupby("session", sort=False)
    is_away = turns["type"] == "peer.away"
    is_new = is_away & (by_session["type"].shift(1) != "peer.away")
    seen_until = times.loc[table["last"].loc[turns["session"]]].set_axis(turns.index)
    away_s = (by_session["time"].shift(-1).fillna(seen_until) - turns["time"]).dt.total_seconds()[is_away]
    table["times_away"] = _count(turns.loc[is_new, "session"], table)
    table["away_s"] = away_s.groupby(turns.loc[is_away, "session"]).sum().reindex(table.index, fill_value=0.0)


def _add_signals(table: pd.DataFrame, events: pd.DataFrame) -> None:
    relayed = events.loc[events["type"] == "signal.relayed", ["dialect", "room", "session", "to"]]
    table["sent"] = _count(relayed["session"], table)
    table["refused"] = _count(events.loc[events["type"] == "signal.refused", "session"], table)
    own = _count(relayed.loc[relayed["to"].isna(), "session"], table)
    table["received"] = _count(receiving_sessions(relayed, table), table) + broadcasts_heard(relayed, table) - own
