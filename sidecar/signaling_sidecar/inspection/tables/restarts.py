"""The sessions that survived a restart of the sidecar, which only the checkpoint of the next run says."""

from __future__ import annotations

import numpy as np
import pandas as pd

from signaling_sidecar.diagnosis.checkpoints import rooms_in
from signaling_sidecar.inspection.tables.entries import entries_of

_COLUMNS = ["type", "time", "dialect", "room", "peer", "session", "boot"]


def restored_sessions(events: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each session and each restart that it survived: `type time dialect room peer session boot`.

    None of them has a connection then. The index is the row of `server.restored` in the events table, and the type is
    `peer.away`.
    """
    types = events["type"]
    restarts, checkpoints = np.flatnonzero(types == "server.restored"), np.flatnonzero(types == "log.checkpoint")
    before = (np.searchsorted(checkpoints, restarts) - 1).tolist()
    rows, index = [], []
    for restart, place in zip(restarts.tolist(), before, strict=True):
        time, boot = events["time"].iloc[restart], events["boot"].iloc[restart]
        for entry in entries_of(events.iloc[checkpoints[place : place + 1]]) if place >= 0 else ():
            for room in rooms_in(entry) or () if entry.boot == boot else ():
                known = [
                    ("peer.away", time, room.dialect, room.room, each.peer, each.session) for each in room.sessions
                ]
                rows += [(*each, boot) for each in known]
                index += [events.index[restart]] * len(known)
    return pd.DataFrame(rows, columns=_COLUMNS, index=pd.Index(index, dtype=events.index.dtype))
