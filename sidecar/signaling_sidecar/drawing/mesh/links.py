"""The peers in a room at one moment, and a link for each pair of peers.

The state of a link is the verdict of `signaling_sidecar.diagnosis` on the records up to that moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from signaling_sidecar.diagnosis import State, Verdict, state_of
from signaling_sidecar.drawing.presence import Presence
from signaling_sidecar.drawing.timeline.attendance import Attendance


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
            found[one, other] = Link(one, other, state_of(verdict.finding.reason), verdict.sentence)
    return Links(
        nodes, list(found.values()), ts - attendance.began_ts, ts, attendance.busiest_ts() - attendance.began_ts
    )
