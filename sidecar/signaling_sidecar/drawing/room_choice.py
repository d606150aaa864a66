"""One room of a log: which is meant by a name, and its records.

A ladder is of one boot. Who is in a room outlives a restart, so the other views follow it through its boots.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from signaling_sidecar.inspection.attendance import Attendance, Turn, attend
from signaling_sidecar.inspection.errors import AmbiguousRoom, UnknownRoom
from signaling_sidecar.inspection.rooms import rooms_table
from signaling_sidecar.inspection.steps import Record
from signaling_sidecar.inspection.text_dtype import TEXT

_OF_A_PAGE = r'"event": ?"page"'


class RoomInLog(NamedTuple):
    """One room of one boot: all its stays there."""

    dialect: str
    room: str
    boot: str

    @property
    def title(self) -> str:
        return f"Room {self.room} · {self.dialect} · boot {self.boot[:8]}"


class RoomRuns(NamedTuple):
    """One room in the consecutive boots through which it went on."""

    dialect: str
    room: str
    boots: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"Room {self.room} · {self.dialect} · boot {', '.join(boot[:8] for boot in self.boots)}"


def rooms_in(rooms: pd.DataFrame) -> list[RoomInLog]:
    """Name the rooms of the table of rooms, in order of appearance."""
    named = rooms[["dialect", "room", "boot"]].drop_duplicates().astype(TEXT)
    return [RoomInLog(*row) for row in named.itertuples(index=False)]


def room_records(events: pd.DataFrame, chosen: RoomInLog) -> list[Record]:
    """Take one room's records out of the events, in order, and the gaps in the log between them."""
    in_boot = events["boot"] == chosen.boot
    own = np.flatnonzero(in_boot & (events["dialect"] == chosen.dialect) & (events["room"] == chosen.room))
    gaps = np.flatnonzero(in_boot & (events["type"] == "log.gap"))
    between = gaps[(gaps > own[0]) & (gaps < own[-1])] if len(own) else gaps[:0]
    rows = _rows(events[list(Record._fields)], np.union1d(own, between))
    columns = [rows[name].astype(object).where(rows[name].notna(), None) for name in Record._fields]
    return [Record(*values) for values in zip(*columns, strict=True)]


def room_attendance(events: pd.DataFrame, chosen: RoomRuns, read_ts: float | None) -> Attendance:
    """Say who was in a room when. `read_ts`: seconds since the epoch, when the log of a running sidecar was read."""
    runs = events[events["boot"].isin(chosen.boots)]
    of_room = (runs["dialect"] == chosen.dialect) & (runs["room"] == chosen.room)
    type_ = runs["type"].astype(TEXT)
    # Of what browsers report only the page itself matters here, and the rest is most of a log.
    of_page = (type_ == "trace.state") & runs["data"].str.contains(_OF_A_PAGE, na=False)
    told = type_.str.startswith(("peer.", "room.")) | of_page
    rows = runs[of_room & told | type_.str.startswith("server.")]
    columns = [rows[name].astype(object).where(rows[name].notna(), None) for name in Turn._fields if name != "ts"]
    ts = rows["time"].astype("int64") / 1e6
    turns = (Turn(seq, at, *rest) for at, seq, *rest in zip(ts, *columns, strict=True))
    is_last = events["boot"].iloc[-1] == chosen.boots[-1]
    return attend(turns, read_ts if read_ts is not None and is_last else runs["time"].max().timestamp())


def choose_room(events: pd.DataFrame, room: str, dialect: str | None, boot: str | None) -> RoomInLog:
    """Find the one room that is meant; raise `UnknownRoom` or `AmbiguousRoom`, which name the choices."""
    choices = _choices(events, room, dialect, boot)
    if len(choices) > 1:
        raise AmbiguousRoom(repr(room), [f"ladder({_arguments(choice)})" for choice in choices])
    return choices[0]


def choose_runs(events: pd.DataFrame, view: str, room: str, dialect: str | None, boot: str | None) -> RoomRuns:
    """Find the one room that is meant, with every boot through which it went on: those that share a session.

    `boot` is any of them. Raises `UnknownRoom` or `AmbiguousRoom`, which name the choices as calls of `view`.
    """
    choices = [(choice, _runs_of(events, choice)) for choice in _choices(events, room, dialect, boot)]
    different = {runs: choice for choice, runs in choices}
    if len(different) > 1:
        raise AmbiguousRoom(repr(room), [f"{view}({_arguments(choice)})" for choice in different.values()])
    return choices[0][1]


def _choices(events: pd.DataFrame, room: str, dialect: str | None, boot: str | None) -> list[RoomInLog]:
    choices = [
        known
        for known in rooms_in(rooms_table(_rows(events, np.flatnonzero(events["room"] == room))))
        if dialect in (None, known.dialect) and known.boot.startswith(boot or "")
    ]
    if not choices:
        asked = ", ".join(filter(None, (repr(room), dialect and f"dialect={dialect!r}", boot and f"boot={boot!r}")))
        raise UnknownRoom(asked, [_arguments(known) for known in rooms_in(rooms_table(events))])
    return choices


def _runs_of(events: pd.DataFrame, chosen: RoomInLog) -> RoomRuns:
    """Go from boot to boot by the sessions that two have in common; a boot between two is one of them too."""
    rows = events[(events["dialect"] == chosen.dialect) & (events["room"] == chosen.room)]
    sessions = {str(boot): set(group.dropna()) for boot, group in rows.groupby("boot", observed=True)["session"]}
    joined, found = {chosen.boot}, sessions.get(chosen.boot, set())
    while more := {boot for boot in sessions if boot not in joined and sessions[boot] & found}:
        joined |= more
        found = found.union(*(sessions[boot] for boot in more))
    order = list(events["boot"].drop_duplicates().astype(TEXT))
    places = [order.index(boot) for boot in joined]
    return RoomRuns(chosen.dialect, chosen.room, tuple(order[min(places) : max(places) + 1]))


def _rows(events: pd.DataFrame, places: npt.NDArray[np.intp]) -> pd.DataFrame:
    # By way of a slice, which is free: to take rows pyarrow joins all pieces of a text column, of the slice's only now.
    first, last = (places[0], places[-1]) if len(places) else (0, -1)
    return events.iloc[first : last + 1].iloc[places - first]


def _arguments(known: RoomInLog) -> str:
    return f"{known.room!r}, dialect={known.dialect!r}, boot={known.boot!r}"
