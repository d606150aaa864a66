"""Finds the peers in a room at one moment, and a link for each pair of peers that should connect.

The state of a link is the verdict of `signaling_sidecar.diagnosis` on the records up to that moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from signaling_sidecar.diagnosis import Meeting, State, Verdict, state_of
from signaling_sidecar.drawing.presence import Presence
from signaling_sidecar.drawing.timeline.attendance import Attendance


class Node(NamedTuple):
    """A peer in the mesh, and its label."""

    peer: str
    label: str
    is_away: bool


class Link(NamedTuple):
    """The connection of two peers, which are given by their indexes in `Links.nodes`."""

    one: int
    other: int
    state: State
    sentence: str
    """The verdict, in the words of `sidecar why`."""
    route: str | None = None
    """The types of the two candidates over which the peers are connected, such as `host-srflx`. None if the peers are
    not connected, or if no browser has reported the candidates."""
    is_relayed: bool = False
    """Whether a TURN server relays the data between the two peers."""


class Links(NamedTuple):
    """The peers and links of a room at one moment."""

    nodes: Sequence[Node]
    links: Sequence[Link]
    since_s: float
    """The moment, in seconds since the first record of the room."""
    ts: float
    """The same moment in seconds since the epoch."""
    busiest_s: float
    """The last moment at which the number of peers was highest, in seconds since the first record of the room."""

    def count(self, state: State) -> int:
        return sum(link.state is state for link in self.links)


def link_up(attendance: Attendance, verdicts: Iterable[Verdict], ts: float) -> Links:
    """Return the peers in the room at `ts` (seconds since the epoch), with the verdict on every two of them."""
    there = attendance.there_at(ts)
    nodes = [Node(row.peer, row.label, presence is Presence.AWAY) for row, presence in there]
    links = links_between([row.session for row, _ in there], verdicts)
    return Links(nodes, links, ts - attendance.began_ts, ts, attendance.busiest_ts() - attendance.began_ts)


def links_between(sessions: Sequence[str], verdicts: Iterable[Verdict]) -> list[Link]:
    """Return the links between the given sessions, which must be in the order of the mesh's nodes.

    Two sessions that need not connect have no link.
    """
    index_of = {session: index for index, session in enumerate(sessions)}
    found = {}
    for verdict in verdicts:
        one, other = (index_of.get(session.id) for session in verdict.meeting.sessions)
        if one is not None and other is not None and verdict.must_connect:
            found[one, other] = _link(one, other, verdict)
    return list(found.values())


def _link(one: int, other: int, verdict: Verdict) -> Link:
    state = state_of(verdict.finding.reason)
    ends = _candidate_types(verdict.meeting) if state is State.CONNECTED else None
    return Link(one, other, state, verdict.sentence, None if ends is None else "-".join(ends), "relay" in (ends or ()))


def _candidate_types(meeting: Meeting) -> tuple[str, str] | None:
    """Return the kinds of the two candidates that ICE has selected, in the order of the sessions."""
    for side, connections in enumerate(meeting.connections):
        for connection in reversed(connections):
            pair = connection.last("pair")
            if pair is not None:
                ends = [str(end.get("type", "?")) for end in (pair.local, pair.remote)]
                return (ends[0], ends[1]) if side == 0 else (ends[1], ends[0])
    return None
