"""One room of a log: which is meant by a name, and its records."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from signaling_sidecar.inspection.errors import AmbiguousRoom, UnknownRoom
from signaling_sidecar.inspection.rooms import rooms_table
from signaling_sidecar.inspection.steps import Record


class RoomInLog(NamedTuple):
    """One room of one boot: all its stays there."""

    dialect: str
    room: str
    boot: str


def rooms_in(rooms: pd.DataFrame) -> list[RoomInLog]:
    """Name the rooms of the table of rooms, in order of appearance."""
    named = rooms[["dialect", "room", "boot"]].drop_duplicates().astype("str")
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


def choose_room(events: pd.DataFrame, room: str, dialect: str | None, boot: str | None) -> RoomInLog:
    """Find the one room that is meant; raise `UnknownRoom` or `AmbiguousRoom`, which name the choices."""
    choices = [
        known
        for known in rooms_in(rooms_table(_rows(events, np.flatnonzero(events["room"] == room))))
        if dialect in (None, known.dialect) and known.boot.startswith(boot or "")
    ]
    if not choices:
        asked = ", ".join(filter(None, (repr(room), dialect and f"dialect={dialect!r}", boot and f"boot={boot!r}")))
        raise UnknownRoom(asked, [_arguments(known) for known in rooms_in(rooms_table(events))])
    if len(choices) > 1:
        raise AmbiguousRoom(repr(room), [f"ladder({_arguments(choice)})" for choice in choices])
    return choices[0]


def _rows(events: pd.DataFrame, places: npt.NDArray[np.intp]) -> pd.DataFrame:
    # By way of a slice, which is free: to take rows pyarrow joins all pieces of a text column, of the slice's only now.
    first, last = (places[0], places[-1]) if len(places) else (0, -1)
    return events.iloc[first : last + 1].iloc[places - first]


def _arguments(known: RoomInLog) -> str:
    return f"{known.room!r}, dialect={known.dialect!r}, boot={known.boot!r}"
