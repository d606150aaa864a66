"""Finds the meetings that the RTCPeerConnections in the reports of browsers belong to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from signaling_sidecar.diagnosis.meeting import Meeting
from signaling_sidecar.diagnosis.reports import Connection

MeetingSide = tuple[Meeting, int]
"""A meeting, and the index in its `sessions` of the session that has the connection."""


class ReportedMeetings:
    """Looks up meetings by their sessions, and by the ICE ufrags in their signals."""

    def __init__(self, meetings: Iterable[Meeting], connections: Iterable[Connection]) -> None:
        self._connections = {ufrag: each for each in connections for ufrag in each.ufrags}
        """The RTCPeerConnections by their ICE ufrags."""
        self._by_ufrag: dict[str, MeetingSide] = {}
        self._by_session: dict[str, list[MeetingSide]] = {}
        self._by_peers: dict[frozenset[object], list[Meeting]] = {}
        for meeting in meetings:
            sides: tuple[MeetingSide, MeetingSide] = (meeting, 0), (meeting, 1)
            for signal in meeting.signals:
                if signal.ufrag is not None:
                    self._by_ufrag[signal.ufrag] = sides[signal.sender]
            for side, session in zip(sides, meeting.sessions, strict=True):
                self._by_session.setdefault(session.id, []).append(side)
            self._by_peers.setdefault(_peers(meeting), []).append(meeting)

    def of(self, connection: Connection) -> list[MeetingSide]:
        """Return the meeting with the peer that the connection names, or else the last meeting whose signals contain
        an ufrag of the connection. The list also has the later meetings during which the connection was still open.
        It is empty if no meeting is found."""
        found = self._with_its_peer(connection) or self._with_its_ufrags(connection)
        return [] if found is None else [found, *self._later(connection, *found)]

    def _later(self, connection: Connection, meeting: Meeting, side: int) -> Iterator[MeetingSide]:
        """Yield the later meetings of the same two pages, until a page closed the connection or the connection failed.

        Two pages stay connected when their sessions end, for example while there is no sidecar for a minute. They then
        meet in new sessions, and need no offer.
        """
        meetings = [each for each in self._by_peers[_peers(meeting)] if meeting.met.ts < each.met.ts]
        pages = _pages(meeting, connection.reports[0][0].ts) if meetings else None
        if pages is None:
            return
        ends = [
            connection,
            *(self._connections[each] for each in connection.remote_ufrags if each in self._connections),
        ]
        end_ts = min(map(_end_ts, ends))
        for later in meetings:
            if later.met.ts < end_ts and _pages(later, later.met.ts) == pages:
                yield later, int(later.sessions[0].peer != meeting.sessions[side].peer)

    def _with_its_peer(self, connection: Connection) -> MeetingSide | None:
        if connection.peer_id is None:
            return None
        began_ts = connection.reports[0][0].ts
        found = [
            (meeting, side)
            for meeting, side in self._by_session.get(connection.session or "", [])
            if meeting.sessions[1 - side].peer == connection.peer_id and meeting.met.ts <= began_ts
        ]
        return max(found, key=lambda each: each[0].met.ts) if found else None

    def _with_its_ufrags(self, connection: Connection) -> MeetingSide | None:
        for ufrag in reversed(connection.ufrags):
            if ufrag in self._by_ufrag:
                return self._by_ufrag[ufrag]
        for ufrag in reversed(connection.remote_ufrags):
            if ufrag in self._by_ufrag:
                meeting, sender = self._by_ufrag[ufrag]
                return meeting, 1 - sender
        return None


def _end_ts(connection: Connection) -> float:
    """Return the time at which a page closed its RTCPeerConnection, or at which the RTCPeerConnection failed and did
    not recover. Return infinity if it has not ended."""
    end_ts = math.inf
    for entry, report in connection.reports:
        if report.event == "closed" or report.connection in ("closed", "failed"):
            end_ts = min(end_ts, entry.ts)
        elif report.connection is not None:
            end_ts = math.inf
    return end_ts


def _pages(meeting: Meeting, ts: float) -> frozenset[object] | None:
    """Return a key for the pages that used the two sessions at the given time, or None if the log does not show it."""
    pages = [(session.room, session.peer, session.page_at(ts)) for session in meeting.sessions]
    return None if any(page is None for _, _, page in pages) else frozenset(pages)


def _peers(meeting: Meeting) -> frozenset[object]:
    """Return a key for the room and the ids of the two peers, which is the same in all of their meetings."""
    return frozenset([(session.room, session.peer) for session in meeting.sessions])
