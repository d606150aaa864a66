"""Finds what only the checkpoints show of sessions: that they survived a restart of the sidecar, that they began before
the log, or that they ended in a gap of the log."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pandas as pd

from signaling_sidecar.diagnosis.checkpoints import WAS_HERE, rooms_in
from signaling_sidecar.diagnosis.record_data import read_data
from signaling_sidecar.inspection.tables.appended_rows import with_rows
from signaling_sidecar.inspection.tables.entries import entries_of, without_dumps
from signaling_sidecar.inspection.tables.text_dtype import TEXT
from signaling_sidecar.inspection.tables.utc_times import utc_times

OF_SOCKET = ("connection.opened", "connection.closed")
"""Types of records about a WebSocket. They are written before its peer joins and after the peer has left."""
_COLUMNS = ["type", "time", "dialect", "room", "peer", "session", "boot", "name"]


def listed_sessions(events: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `restored_sessions`, one for each session whose join is not in the log, at the first
    checkpoint that lists it, and the rows of `_ended_in_gaps`. The type of the second kind is `WAS_HERE`, or
    `peer.away` if the session had no connection then."""
    joined = set(events.loc[events["type"] == "peer.joined", "session"])
    rows, index = [], []
    checkpoints = events[events["type"] == "log.checkpoint"]
    for at, entry in zip(checkpoints.index, entries_of(checkpoints), strict=True):
        for room in rooms_in(entry) or ():
            for each in room.sessions:
                if each.session not in joined:
                    joined.add(each.session)
                    type_ = "peer.away" if each.connection is None else WAS_HERE
                    where = entry.ts, room.dialect, room.room
                    rows.append((type_, *where, each.peer, each.session, entry.boot, each.name))
                    index.append(at)
    first = pd.DataFrame(rows, columns=_COLUMNS, index=pd.Index(index, dtype=events.index.dtype))
    first = first.assign(time=utc_times(first["time"]))
    listed = with_rows(first, restored_sessions(events))
    return with_rows(listed, _ended_in_gaps(events, listed))


def _ended_in_gaps(events: pd.DataFrame, listed: pd.DataFrame) -> pd.DataFrame:
    """Return a row of the type `peer.left` for each session whose leave is not in the log, at the first checkpoint that
    shows its end: it is in the last run that has the session, but does not list it any more."""
    own = events["session"].notna() & ~events["type"].isin(OF_SOCKET)
    known = with_rows(events.loc[own, _COLUMNS[:-1]], listed[_COLUMNS[:-1]]).sort_index(kind="stable")
    left = known.loc[known["type"] == "peer.left", "session"]
    last = known[~known["session"].isin(left)].drop_duplicates("session", keep="last")
    sessions, boots = last["session"].astype(TEXT), last["boot"].astype(TEXT)
    ended: dict[str, int] = {}
    checkpoints = events[events["type"] == "log.checkpoint"] if len(last) else events.iloc[:0]
    for at, entry in zip(checkpoints.index, entries_of(checkpoints), strict=True):
        if (rooms := rooms_in(entry)) is not None:
            present = {each.session for room in rooms for each in room.sessions}
            ended = {session: row for session, row in ended.items() if session not in present}
            missing = set(sessions[(boots == entry.boot) & (last.index < at)]) - present
            ended |= dict.fromkeys(missing - ended.keys(), at)
    rows = last[sessions.isin(ended.keys())].assign(type="peer.left")
    rows.index = pd.Index([ended[session] for session in rows["session"]], dtype=events.index.dtype)
    return rows.assign(time=events["time"].loc[rows.index])


def restored_sessions(events: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each session and each restart that it survived: `type time dialect room peer session boot`.

    The index is the row of `server.restored` in the events table. The type is `peer.away`, because a session has no
    connection after a restart. The time is the one that `last_before_restarts` returns.
    """
    types = events["type"]
    restarts, checkpoints = np.flatnonzero(types == "server.restored"), np.flatnonzero(types == "log.checkpoint")
    before = (np.searchsorted(checkpoints, restarts) - 1).tolist()
    rows, index, times = [], [], last_before_restarts(events)
    for restart, place in zip(restarts.tolist(), before, strict=True):
        time, boot = times[events.index[restart]], events["boot"].iloc[restart]
        for entry in entries_of(events.iloc[checkpoints[place : place + 1]]) if place >= 0 else ():
            for room in rooms_in(entry) or () if entry.boot == boot else ():
                known = [
                    ("peer.away", time, room.dialect, room.room, each.peer, each.session, boot, each.name)
                    for each in room.sessions
                ]
                rows += known
                index += [events.index[restart]] * len(known)
    return pd.DataFrame(rows, columns=_COLUMNS, index=pd.Index(index, dtype=events.index.dtype))


def last_before_restarts(events: pd.DataFrame) -> pd.Series[Any]:
    """For each row of `server.restored`, return the time of the last record of the run that was continued.

    From that time on, no peer had a connection. (A sidecar that was killed has not recorded its end.) Only records of
    that run count, because the table may also have records of other sidecars.
    """
    types = events["type"]
    restarts = np.flatnonzero(types == "server.restored")
    of_files = [name for name in types.cat.categories if name.startswith("log.")]  # about the log itself
    is_event = ~types.isin(of_files).to_numpy() & events.index.isin(without_dumps(events[["type", "kind"]]).index)
    times = events["time"].iloc[restarts].copy()
    for at, entry in zip(restarts.tolist(), entries_of(events.iloc[restarts]), strict=True):
        continued = read_data(entry.data, _Restored) or _Restored()
        of_run = is_event[:at] & (events["boot"].iloc[:at] == (continued.boot or entry.boot)).to_numpy()
        before = np.flatnonzero(of_run)
        if len(before):
            index = events.index[at]
            times[index] = min(times[index], events["time"].iloc[before[-1]])
    return times


class _Restored(msgspec.Struct):
    boot: str | None = None
    """The boot id of the run that is continued. None in a cluster, whose log keeps one boot id."""
