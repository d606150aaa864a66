"""Finds the meeting that belongs to an RTCPeerConnection which a browser has reported."""

from __future__ import annotations

from collections.abc import Iterable

from signaling_sidecar.diagnosis.meeting import Meeting
from signaling_sidecar.diagnosis.reports import Connection

MeetingSide = tuple[Meeting, int]
"""A meeting, and the index in its `sessions` of the session that has the connection."""


class ReportedMeetings:
    """Looks up meetings by their sessions, and by the ICE ufrags in their signals."""

    def __init__(self, meetings: Iterable[Meeting]) -> None:
        self._by_ufrag: dict[str, MeetingSide] = {}
        self._by_session: dict[str, list[MeetingSide]] = {}
        for meeting in meetings:
            sides: tuple[MeetingSide, MeetingSide] = (meeting, 0), (meeting, 1)
            for signal in meeting.signals:
                if signal.ufrag is not None:
                    self._by_ufrag[signal.ufrag] = sides[signal.sender]
            for side, session in zip(sides, meeting.sessions, strict=True):
                self._by_session.setdefault(session.id, []).append(side)

    def of(self, connection: Connection) -> MeetingSide | None:
        """Return the meeting with the peer that the connection names, else the last meeting whose signals contain one
        of its ufrags, else None."""
        return self._with_its_peer(connection) or self._with_its_ufrags(connection)

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
