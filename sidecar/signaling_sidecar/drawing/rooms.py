"""Finds the rooms of a log, and the entries of a room."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from signaling_sidecar.diagnosis import NO_SIGN_OF_LIFE, Entry, rooms_in, there_before
from signaling_sidecar.drawing.cluster_events import CLUSTER_EVENTS

OF_EVERY_ROOM = ("log.gap", *CLUSTER_EVENTS)
"""Types of records that name no room. The ladder of every room shows them."""

OF_SIDECARS = ("server.", "instance.", "owner.")
"""Types of records about a sidecar, or about an instance of a cluster, begin with these words. Such a record belongs to
no single room, so the timeline of every room shows it."""
OF_EVERY_TIMELINE = (*OF_SIDECARS, "log.checkpoint")
"""The same for all records that name no room, and that the timeline of every room needs."""


class RoomInLog(NamedTuple):
    """A room in one run of the sidecar. `boot` is the id of the run."""

    dialect: str
    room: str
    boot: str
    note: str = ""
    """The part of the title that says how this run was chosen. May be empty."""

    @property
    def title(self) -> str:
        return f"Room {self.room} · {self.dialect} · boot {self.boot[:8]}{self.note}"


class RoomRuns(NamedTuple):
    """A room in all consecutive runs of the sidecar in which it existed."""

    dialect: str
    room: str
    boots: tuple[str, ...]
    note: str = ""
    """As in `RoomInLog`."""

    @property
    def title(self) -> str:
        return f"Room {self.room} · {self.dialect} · boot {', '.join(boot[:8] for boot in self.boots)}{self.note}"


def room_of(entry: Entry) -> RoomInLog | None:
    """Return the room that an entry is about, or None if the entry does not prove that the room existed."""
    if entry.dialect is None or entry.room is None or entry.type in NO_SIGN_OF_LIFE:
        return None
    return RoomInLog(entry.dialect, entry.room, entry.boot)


def listed_rooms(entry: Entry) -> list[RoomInLog]:
    """Return the rooms that an entry lists, if it is a checkpoint. The part of the log that was read may have no other
    entry about these rooms."""
    rooms = rooms_in(entry) if entry.type == "log.checkpoint" else None
    return [RoomInLog(each.dialect, each.room, entry.boot) for each in rooms or () if each.sessions]


def entries_of_room(entries: Iterable[Entry], chosen: RoomInLog) -> list[Entry]:
    """Select the entries of one room. Between the first and the last of these entries, also select those of the types
    `OF_EVERY_ROOM`.

    If `entries` contains the checkpoints of the log, the result begins with the entries of `there_before`.
    """
    of_boot, key = [entry for entry in entries if entry.boot == chosen.boot], (chosen.dialect, chosen.room)
    own = [at for at, entry in enumerate(of_boot) if (entry.dialect, entry.room) == key]
    if not own:  # then each checkpoint lists the same peers, and the first one shows since when
        checkpoints = (entry for entry in of_boot if entry.type == "log.checkpoint")
        return next(filter(None, (there_before(each, key, ()) for each in checkpoints)), [])
    is_own = set(own)
    span = range(own[0], own[-1] + 1)
    before = next((entry for entry in reversed(of_boot[: own[0]]) if entry.type == "log.checkpoint"), None)
    selected = [of_boot[at] for at in span if at in is_own or of_boot[at].type in OF_EVERY_ROOM]
    return [*there_before(before, key, selected), *selected]
