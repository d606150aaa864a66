"""The peers in a room at one moment, and a link for each pair of peers.

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
    """Whether two peers are connected."""

    CONNECTED = "connected"
    TRYING = "trying"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Neither peer has tried to connect, or no browser has reported the result."""


_STATES = {
    Reason.CONNECTED: State.CONNECTED,
    Reason.IN_PROGRESS: State.TRYING,
    Reason.UNKNOWN: State.UNKNOWN,
    Reason.UNRECOGNISED: State.UNKNOWN,
    Reason.NOBODY_OFFERED: State.UNKNOWN,
}
"""The states by reason. All other reasons are `FAILED`."""


class Node(NamedTuple):
    """A peer in the mesh, and its label."""

    peer: str
    label: str
    is_away: bool


class Link(NamedTuple):
    """Two peers, by their indexes in the nodes."""

    one: int
    other: int
    state: State
    sentence: str
    """The verdict, in the words of `sidecar why`."""


class Links(NamedTuple):
    """A room at one moment."""

    nodes: Sequence[Node]
    links: Sequence[Link]
    since_s: float
    """The moment, in seconds since the first record of the room."""
    ts: float
    """The same moment in seconds since the epoch."""
    busiest_s: float
    """The last moment with the most peers in the room, in seconds since the first record of the room."""

    def count(self, state: State) -> int:
        return sum(link.state is state for link in self.links)


def link_up(attendance: Attendance, verdicts: Iterable[Verdict], ts: float) -> Links:
    """Return the peers in the room at `ts` (seconds since the epoch), with the verdict on every two of them."""
    there = attendance.there_at(ts)
    nodes = [Node(row.peer, row.label, presence is Presence.AWAY) for row, presence in there]
    index_of = {row.session: index for index, (row, _) in enumerate(there)}
    found = {}
    for verdict in verdicts:
        one, other = (index_of.get(session.id) for session in verdict.meeting.sessions)
        if one is not None and other is not None:
            state = _STATES.get(verdict.finding.reason, State.FAILED)
            found[one, other] = Link(one, other, state, verdict.sentence)
    return Links(
        nodes, list(found.values()), ts - attendance.began_ts, ts, attendance.busiest_ts() - attendance.began_ts
    )
