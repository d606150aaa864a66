"""Finds the room that should be drawn, and selects its records.

A ladder shows one boot. The other drawings show a room through all boots in which it existed, because its sessions
survive a restart of the sidecar.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from signaling_sidecar.diagnosis import Entry, find_meetings, there_before
from signaling_sidecar.diagnosis.peer_labels import PeerLabels
from signaling_sidecar.drawing import (
    OF_EVERY_ROOM,
    OF_EVERY_TIMELINE,
    AmbiguousRoom,
    Attendance,
    RoomInLog,
    RoomRuns,
    UnknownRoom,
    attend,
)
from signaling_sidecar.inspection.named_room import NamedRoom
from signaling_sidecar.inspection.room_records import room_records
from signaling_sidecar.inspection.tables.appended_rows import with_rows
from signaling_sidecar.inspection.tables.entries import entries_of, without_dumps
from signaling_sidecar.inspection.tables.restarts import last_before_restarts
from signaling_sidecar.inspection.tables.rooms import rooms_table
from signaling_sidecar.inspection.tables.text_dtype import TEXT
from signaling_sidecar.paused_collector import paused_collector

_OF_A_PAGE = r'"event": ?"page"'


def rooms_of_table(rooms: pd.DataFrame) -> list[RoomInLog]:
    """List the rooms in a table of rooms, in order of appearance."""
    named = rooms[["dialect", "room", "boot"]].drop_duplicates().astype(TEXT)
    return [RoomInLog(*row) for row in named.itertuples(index=False)]


def room_entries(events: pd.DataFrame, chosen: RoomInLog) -> list[Entry]:
    """Return the records of one room in order, and between them the records of the types `OF_EVERY_ROOM`.

    The result begins with an entry for each peer that was already in the room before these records (see
    `there_before`).
    """
    in_boot = events["boot"] == chosen.boot
    own = np.flatnonzero(in_boot & (events["dialect"] == chosen.dialect) & (events["room"] == chosen.room))
    others = np.flatnonzero(in_boot & events["type"].isin(OF_EVERY_ROOM))
    between = others[(others > own[0]) & (others < own[-1])] if len(own) else others[:0]
    entries = list(entries_of(events.iloc[np.union1d(own, between)]))
    return [*_there_before(events, chosen, entries), *entries]


def _there_before(events: pd.DataFrame, chosen: RoomInLog, entries: Sequence[Entry]) -> list[Entry]:
    key = chosen.dialect, chosen.room
    first = next((each.seq for each in entries if (each.boot, each.dialect, each.room) == (chosen.boot, *key)), None)
    is_before = (events["type"] == "log.checkpoint") & (events["boot"] == chosen.boot)
    if first is not None:
        is_before &= events["seq"] < first
    checkpoints = list(entries_of(events[is_before]))
    if first is not None and not there_before(next(iter(checkpoints[-1:]), None), key, entries):
        return []
    # Without records of the room, each of these checkpoints lists the same peers. The first has the earliest time.
    return next(filter(None, (there_before(each, key, entries) for each in checkpoints)), [])


def room_attendance(events: pd.DataFrame, chosen: RoomRuns, read_ts: float | None) -> Attendance:
    """Return who was in a room at which time.

    `read_ts` is when the log of a running sidecar was read (seconds since the epoch), or None for a finished log.
    """
    runs = events[events["boot"].isin(chosen.boots)]
    of_room = (runs["dialect"] == chosen.dialect) & (runs["room"] == chosen.room)
    type_ = runs["type"].astype(TEXT)
    # Most records of a log are browser reports, and only reports about the page itself matter here.
    of_page = (type_ == "trace.state") & runs["data"].str.contains(_OF_A_PAGE, na=False)
    needed = type_.str.startswith(("peer.", "room.")) | of_page
    entries = list(entries_of(runs[of_room & needed | type_.str.startswith(OF_EVERY_TIMELINE)]))
    first = list(entries_of(runs[of_room].iloc[:1]))
    before = _there_before(events, RoomInLog(chosen.dialect, chosen.room, chosen.boots[0]), [*first, *entries])
    is_last = events["boot"].iloc[-1] == chosen.boots[-1]
    last = without_dumps(runs[["time", "type", "kind"]])["time"].max()
    ended_ts = read_ts if read_ts is not None and is_last else last.timestamp()
    restarts = last_before_restarts(events)
    since_ts = (restarts.astype("int64") / 1e6).to_numpy().tolist()
    keys = events.loc[restarts.index, ["boot", "seq"]].itertuples(index=False, name=None)
    down_since_ts = dict(zip(keys, since_ts, strict=True))
    return attend([*before, *entries], ended_ts, room_labels(events, chosen), down_since_ts)


def room_labels(events: pd.DataFrame, chosen: RoomInLog | RoomRuns) -> PeerLabels | None:
    """Return the labels of a room's peers, which are those of `sidecar why`. The labels depend on earlier boots too."""
    boots = tuple(events["boot"].drop_duplicates().astype(TEXT))
    with paused_collector():
        entries = room_records(events, RoomRuns(chosen.dialect, chosen.room, boots))
        return find_meetings(entries).labels.get((chosen.dialect, chosen.room))


def choose_room(events: pd.DataFrame, listed: pd.DataFrame, view: str, named: NamedRoom) -> RoomInLog:
    """Find the room in the last run of the sidecar that has records of it. The title of the result mentions earlier
    runs.

    `view` is the name of the method that draws the room, for error messages. `listed` are the `listed_sessions` of
    the log. Raises `UnknownRoom`, and `AmbiguousRoom` if several dialects have this room. The messages of both errors
    list the choices.
    """
    found = _choices(events, listed, view, named)
    # A run that has restored the room has no record of it until a peer returns, so its ladder would be empty.
    recorded = set(rooms_of_table(rooms_table(events[events["room"] == named.room], listed.iloc[:0])))
    *earlier, chosen = [each for each in found if each in recorded] or found
    return chosen._replace(note=_note(earlier))


def choose_runs(events: pd.DataFrame, listed: pd.DataFrame, view: str, named: NamedRoom) -> RoomRuns:
    """Find the room as `choose_room` does, and all boots that are linked to its boot by sessions (see `_runs_of`)."""
    found = _choices(events, listed, view, named)
    runs = _runs_of(events, listed, found[-1])
    return runs._replace(note=_note([each for each in found if each.boot not in runs.boots]))


def _choices(events: pd.DataFrame, listed: pd.DataFrame, view: str, named: NamedRoom) -> list[RoomInLog]:
    room, dialect, boot = named
    rooms = rooms_table(events[events["room"] == room], listed[listed["room"] == room])
    choices = [
        known
        for known in rooms_of_table(rooms)
        if dialect in (None, known.dialect) and known.boot.startswith(boot or "")
    ]
    if not choices:
        asked = ", ".join(filter(None, (repr(room), dialect and f"dialect={dialect!r}", boot and f"boot={boot!r}")))
        raise UnknownRoom(asked, [_arguments(known) for known in rooms_of_table(rooms_table(events, listed))])
    dialects = dict.fromkeys(known.dialect for known in choices)
    if len(dialects) > 1:
        raise AmbiguousRoom(repr(room), [f"{view}({room!r}, dialect={each!r})" for each in dialects])
    return choices


def _note(earlier: Sequence[RoomInLog]) -> str:
    if not earlier:
        return ""
    return f" · the last of {len(earlier) + 1} runs with this room; the one before it: boot={earlier[-1].boot[:8]!r}"


def _runs_of(events: pd.DataFrame, listed: pd.DataFrame, chosen: RoomInLog) -> RoomRuns:
    """Return the boots that are linked to the chosen one, and all boots between them. Two boots are linked if the room
    has the same session in both."""
    of_room = (events["dialect"] == chosen.dialect) & (events["room"] == chosen.room)
    survived = (listed["dialect"] == chosen.dialect) & (listed["room"] == chosen.room)
    rows = with_rows(events.loc[of_room, ["boot", "session"]], listed[survived])
    sessions = {str(boot): set(group.dropna()) for boot, group in rows.groupby("boot", observed=True)["session"]}
    joined, found = {chosen.boot}, sessions.get(chosen.boot, set())
    while more := {boot for boot in sessions if boot not in joined and sessions[boot] & found}:
        joined |= more
        found = found.union(*(sessions[boot] for boot in more))
    order = list(events["boot"].drop_duplicates().astype(TEXT))
    places = [order.index(boot) for boot in joined]
    return RoomRuns(chosen.dialect, chosen.room, tuple(order[min(places) : max(places) + 1]))


def _arguments(known: RoomInLog) -> str:
    return f"{known.room!r}, dialect={known.dialect!r}, boot={known.boot!r}"
