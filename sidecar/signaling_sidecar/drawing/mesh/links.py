"""Who is connected to whom at a moment: those in a room, and a link for every two of them. No medium.

The state of a link is the verdict of `signaling_sidecar.diagnosis` on the records up to that moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from signaling_sidecar.diagnosis import Reason, Verdict
from signaling_sidecar.drawing.presence import Presence
from signaling_sidecar.drawing.timeline.attendance import Attendance


class State(StrEnum):
    """How two peers stand to each other."""

    CONNECTED = "connected"
    TRYING = "trying"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Nobody tried, or no browser has said what came of it."""


_STATES = {
    Reason.CONNECTED: State.CONNECTED,
    Reason.IN_PROGRESS: State.TRYING,
    Reason.UNKNOWN: State.UNKNOWN,
    Reason.UNRECOGNISED: State.UNKNOWN,
    Reason.NOBODY_OFFERED: State.UNKNOWN,
}
"""Every other reason is a fault."""


class Node(NamedTuple):
    """A peer, and what to call it."""

    peer: str
    label: str
    is_away: bool


class Link(NamedTuple):
    """Two peers, by their places among the nodes."""

    one: int
    other: int
    state: State
    sentence: str
    """The verdict, as `sidecar why` says it."""


class Links(NamedTuple):
    """A room at a moment."""

    nodes: Sequence[Node]
    links: Sequence[Link]
    since_s: float
    """The moment: seconds from the room's first record."""
    ts: float
    """The same in seconds since the epoch."""
    busiest_s: float
    """The last moment at which as many were in the room as ever: seconds from the room's first record."""

    def count(self, state: State) -> int:
        return sum(link.state is state for link in self.links)


def link_up(attendance: Attendance, verdicts: Iterable[Verdict], ts: float) -> Links:
    """Put together who was there at `ts` (seconds since the epoch) and what is known of each two by then."""
    there = attendance.there_at(ts)
    nodes = [Node(row.peer, row.label, presence is Presence.AWAY) for row, presence in there]
    places = {row.session: place for place, (row, _) in enumerate(there)}
    found = {}
    for verdict in verdicts:
        one, other = (places.get(session.id) for session in verdict.meeting.sessions)
        if one is not None and other is not None:
            state = _STATES.get(verdict.finding.reason, State.FAILED)
            found[one, other] = Link(one, other, state, verdict.sentence)
    return Links(
        nodes, list(found.values()), ts - attendance.began_ts, ts, attendance.busiest_ts() - attendance.began_ts
    )
