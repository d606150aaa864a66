"""Reads the parameter `room` of the methods of a log: a room id, or a row of a table."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import pandas as pd

from signaling_sidecar.drawing import UnknownRoom

Room: TypeAlias = "str | pd.Series[Any]"
"""A room id, or a row of `rooms`, `sessions`, `signals` or `pairs`."""


class NamedRoom(NamedTuple):
    """The id of a room, with its dialect and boot if they are given. None stands for any dialect or boot."""

    room: str
    dialect: str | None
    boot: str | None


def named_room(room: Any, dialect: str | None = None, boot: str | None = None) -> NamedRoom:
    """Return the room that `room` names. A row also names its dialect and its boot. Raises `UnknownRoom` and
    `TypeError`."""
    if isinstance(room, str):
        return NamedRoom(room, dialect, boot)
    if wrong := wrong_row(room, "dialect", "room", "boot"):
        raise TypeError(f"`room` must be a room id, or a row of `rooms` or `pairs`, not {wrong}")
    if pd.isna(room["room"]):
        is_pair = "other_session" in room.index
        reason = "of these two: they met in no room, and only their browsers' reports are known"
        raise UnknownRoom(reason if is_pair else "for this row, because the row is not about a room", None)
    return NamedRoom(str(room["room"]), str(room["dialect"]), str(room["boot"]))


def wrong_row(row: object, *needed: str) -> str:
    """Say what `row` is if it is not a row with the needed columns. Otherwise the result is an empty string."""
    if not isinstance(row, pd.Series):
        return type(row).__name__
    missing = [f"`{name}`" for name in needed if name not in row.index]
    return f"a row without {' and '.join(missing)}" if missing else ""
