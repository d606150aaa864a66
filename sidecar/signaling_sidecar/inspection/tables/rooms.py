"""The table of rooms: each time that a room existed, from its first peer to its last."""

from __future__ import annotations

import pandas as pd

from signaling_sidecar.diagnosis import NO_SIGN_OF_LIFE
from signaling_sidecar.diagnosis.record_data import read_about
from signaling_sidecar.inspection.tables.appended_rows import with_rows
from signaling_sidecar.inspection.tables.column_values import values_of
from signaling_sidecar.inspection.tables.text_dtype import TEXT

_COLUMNS = [
    *("dialect", "room", "name", "created", "ended", "peers_most", "sessions", "signals", "refused", "bytes", "boot"),
]
_READ = ["dialect", "room", "type", "time", "session", "bytes", "boot"]  # without `data`, which is most of a log's text


def rooms_table(events: pd.DataFrame, listed: pd.DataFrame) -> pd.DataFrame:
    """Make the table that `EventLog.rooms` documents. `listed` are the `listed_sessions` of the log."""
    rows = with_rows(events.loc[events["room"].notna(), _READ], listed).sort_index(kind="stable")
    name = ["boot", "dialect", "room"]
    stay = (rows["type"] == "room.created").groupby([rows[key] for key in name], observed=True).cumsum()
    rows = rows.assign(stay=stay)
    lived = ~rows["type"].isin(NO_SIGN_OF_LIFE)
    relayed, joined = rows["type"] == "signal.relayed", rows["type"] == "peer.joined"
    is_named = events["room"].notna() & events["type"].isin(["room.created", "room.updated"])
    names = pd.Series(
        [read_about(data).name for data in values_of(events["data"], is_named.to_numpy())],
        index=events.index[is_named],
        dtype=TEXT,
    )
    rows = rows.assign(
        name=names.reindex(rows.index),
        created=rows["time"].where(rows["type"] == "room.created"),
        ended=rows["time"].where(rows["type"] == "room.ended"),
        joined=joined,
        step=joined.astype("int64") - (rows["type"] == "peer.left"),
        relayed=relayed,
        refusal=rows["type"] == "signal.refused",
        relayed_bytes=rows["bytes"].where(relayed, 0).fillna(0),
        member=rows["session"].where(lived),
        lived=lived,
    )
    key = [*name, "stay"]
    rows["peers"] = rows.groupby(key, observed=True)["step"].cumsum()
    table = rows.groupby(key, observed=True, sort=False).agg(
        name=("name", "last"),
        created=("created", "min"),
        ended=("ended", "max"),
        peers_most=("peers", "max"),
        joined=("joined", "sum"),
        sessions=("member", "nunique"),
        signals=("relayed", "sum"),
        refused=("refusal", "sum"),
        bytes=("relayed_bytes", "sum"),
        lived=("lived", "any"),
    )
    table = table[table["lived"]].reset_index()
    # A session without a join in this boot was in the room from the beginning of the boot: it has joined before a
    # restart, or before the first record of the log.
    table["peers_most"] = table["peers_most"].clip(lower=0) + table["sessions"] - table["joined"]
    counts = ["peers_most", "sessions", "signals", "refused", "bytes"]
    return table.astype(dict.fromkeys(counts, "int64"))[_COLUMNS]
