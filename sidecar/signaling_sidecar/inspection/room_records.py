"""Selects the records that a diagnosis of one room needs, which are a small part of a long log.

A diagnosis of these records has the same verdicts and labels for the room's peers as a diagnosis of the whole log.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from signaling_sidecar.diagnosis import Entry
from signaling_sidecar.diagnosis.record_data import media_of, read_data
from signaling_sidecar.diagnosis.reports import ConnectionIds
from signaling_sidecar.drawing import RoomRuns
from signaling_sidecar.inspection.tables.column_values import values_of
from signaling_sidecar.inspection.tables.entries import entries_of

_Rows = npt.NDArray[np.bool_]
_COLUMNS_WITH_IDS = ["v", "time", "boot", "connection", "session", "kind", "data"]


class _Ids(msgspec.Struct, rename="camel"):
    """The ids in a browser's report: those of a page and of its RTCPeerConnection, and the ICE ufrags of both ends."""

    page: str | None = None
    pc: str | None = None
    local_ufrag: str | None = None
    remote_ufrag: str | None = None


class _Room(NamedTuple):
    dialect: str
    room: str


class _Checkpoint(msgspec.Struct):
    rooms: list[dict[str, Any]]


def room_records(events: pd.DataFrame, chosen: RoomRuns) -> list[Entry]:
    """Return the records in order. Checkpoints are reduced to the rooms that the diagnosis needs."""
    in_runs = events["boot"].isin(chosen.boots).to_numpy()
    room = _Room(chosen.dialect, chosen.room)
    own = in_runs & _is_of(events, room)
    reports = in_runs & _has_type(events, "trace.state") & _needed_reports(events, own)
    # A page may meet the same peers in another room too, and its connections may belong to those meetings.
    others = events.loc[reports & ~own, ["dialect", "room"]].dropna().drop_duplicates()
    rooms = {room, *(_Room(*other) for other in others.itertuples(index=False))}
    elsewhere = np.zeros(len(events), dtype="bool")
    for other in rooms - {room}:
        elsewhere |= in_runs & _is_of(events, other) & ~_has_type(events, "trace.state")
    checkpoints = in_runs & _has_type(events, "log.checkpoint")
    gaps = in_runs & _has_type(events, "log.gap")
    found = entries_of(events[own | reports | elsewhere | checkpoints | gaps])
    return [_with_rooms(entry, rooms) if entry.type == "log.checkpoint" else entry for entry in found]


def _is_of(events: pd.DataFrame, room: _Room) -> _Rows:
    return ((events["dialect"] == room.dialect) & (events["room"] == room.room)).to_numpy()


def _has_type(events: pd.DataFrame, type_: str) -> _Rows:
    return (events["type"] == type_).to_numpy()


def _needed_reports(events: pd.DataFrame, own: _Rows) -> _Rows:
    """Find the reports of the room's sessions, the reports about connections that have an ICE ufrag of the room's
    signals, and the reports about the pages of these connections."""
    is_report = _has_type(events, "trace.state")
    sessions = events["session"].cat.codes.to_numpy()
    is_of_session = np.isin(sessions, np.unique(sessions[own])) & (sessions >= 0)
    is_own = (own | is_of_session | (events["room"].isna().to_numpy() & (sessions >= 0)))[is_report]
    connections = ConnectionIds()
    reports = entries_of(events.loc[is_report, _COLUMNS_WITH_IDS])
    ids = [_ids_of(report, connections) for report in reports]
    ufrags = _ufrags(events, own)
    close = [
        each
        for each, is_of_room in zip(ids, is_own, strict=True)
        if is_of_room or each.local_ufrag in ufrags or each.remote_ufrag in ufrags
    ]
    pcs, pages = {each.pc for each in close} - {None}, {each.page for each in close} - {None}
    is_close = np.array([each.pc in pcs if each.pc is not None else each.page in pages for each in ids], "bool")
    needed = is_report.copy()
    needed[is_report] = is_own | is_close
    return needed


def _ids_of(report: Entry, connections: ConnectionIds) -> _Ids:
    ids = read_data(report.data, _Ids) or _Ids()
    if ids.pc is not None:
        ids.pc = connections.of(report, ids.page, ids.pc)
    return ids


def _ufrags(events: pd.DataFrame, own: _Rows) -> set[str]:
    signals = own & _has_type(events, "signal.relayed")
    frames = values_of(events["data"], signals)
    medias = map(media_of, values_of(events["kind"], signals), frames)
    return {media.ufrag for media in medias if media.ufrag is not None}


def _with_rooms(checkpoint: Entry, rooms: Set[tuple[str, str]]) -> Entry:
    found = read_data(checkpoint.data, _Checkpoint)
    if found is None:
        return checkpoint
    kept = [room for room in found.rooms if (room.get("dialect"), room.get("room")) in rooms]
    return msgspec.structs.replace(checkpoint, data=msgspec.json.encode(_Checkpoint(kept)).decode())
