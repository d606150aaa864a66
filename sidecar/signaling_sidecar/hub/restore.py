"""Restoring the hub's state from a log: from its last checkpoint, and from the records after it.

No hook is called, and no client is told anything. A record is ignored when it is about a room that neither the
checkpoint nor an earlier record has: its dialect is not served any more, or the log has a gap. Whatever the log says,
the rules at the top of `membership.py` and `resumption.py` hold: of two sessions of one peer in one room, only the
later one is restored. Everything else is.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from signaling_sidecar.errors import NOT_JSON
from signaling_sidecar.hub.checkpoint import Checkpoint, Count
from signaling_sidecar.hub.effects import FRAME_RECORDS
from signaling_sidecar.hub.hub import Hub
from signaling_sidecar.hub.lenient_reading import read_back
from signaling_sidecar.hub.membership import Away, Session
from signaling_sidecar.hub.restoration import Past, RecordData, Restoration
from signaling_sidecar.hub.restored_frames import RestoredFrames
from signaling_sidecar.hub.restored_rooms import RestoredRooms
from signaling_sidecar.hub.restored_sessions import RestoredSessions
from signaling_sidecar.hub.rules import Ending


class Restore:
    """Fills an empty hub: call `start` with the checkpoint, `apply` with each record, and then `finish`."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._restoration = Restoration(hub)
        self._rooms = RestoredRooms(self._restoration)
        self._sessions = RestoredSessions(self._restoration, self._rooms)
        self._frames = RestoredFrames(self._restoration)
        self._verbs = {**self._rooms.verbs, **self._sessions.verbs, **self._frames.verbs}
        """The function for each type of record. Records of other types do not change the restored state."""
        self._last_ts = 0.0

    def start(self, state: Checkpoint, ts: float) -> None:
        """Begin with a checkpoint that was written at `ts`, in seconds since the epoch."""
        self._last_ts = ts
        for in_log in state.rooms:
            room = self._rooms.from_checkpoint(in_log)
            if room is not None:
                for session in in_log.sessions:
                    self._sessions.from_checkpoint(room, session, ts)
                room.host = room.sessions.get(in_log.host or "", room.host)
        for waiting in state.waiting:
            self._rooms.wait(waiting)
        for frame in state.mailboxes:
            self._frames.from_checkpoint(frame)
        for key, peer in state.known_ids:
            if key.dialect in self._hub.state.rules:
                self._hub.membership.known_ids.add(key, peer)
        self._rooms.barred += state.barred

    def apply(self, record: Past) -> str | None:
        """Apply the next record of the log. Returns a description of what could not be read, or None."""
        self._last_ts = record.ts
        self._restoration.told = {}
        verb = self._verbs.get(record.type)
        data, left_out = _NO_DATA, list[str]()
        try:
            if verb is not None and record.data is not None and record.type not in FRAME_RECORDS:
                data, left_out = read_back(record.data, RecordData)
            if record.numbers is not None:
                self._restoration.told = _NUMBERS.decode(record.numbers)
        except NOT_JSON as error:
            return str(error)
        if verb is not None:
            verb(record, data)
        session = self._restoration.session(record)
        if record.c is not None and session is not None and session.resumption is not None:
            session.resumption.handled = record.c
            session.resumption.heard()
        return "; ".join(left_out) or None

    def finish(self, now_s: float) -> None:
        """Start all deadlines again. Must be called after the last record, just before the sidecar listens.

        A session that was not away before gets the whole grace period for a restart. Each barred peer is barred for the
        full time again.
        """
        hub = self._hub
        for room in hub.membership.rooms:
            room.active_s = now_s - max(0.0, room.active_s)
            hub.idle_rooms.watch(room)
            for session in room.sessions.values():
                self._keep_away(session, now_s)
        hub.matchmaking.start_graces(now_s)
        hub.state.mailboxes.restart_deadlines(hub.state.rules, now_s)
        for key, peer in self._rooms.barred:
            hub.state.bar(key, peer, now_s)

    def _keep_away(self, session: Session, now_s: float) -> None:
        departures = self._hub.departures
        away = session.away or Away(Ending.STOPPED, 0.0)
        if away.ending is Ending.STOPPED:
            left_s = departures.grace_s(session, Ending.STOPPED)
        else:
            since_ts, given_s = self._restoration.graces.get(session.id, (0.0, 0.0))
            # A clock that was set back must not lengthen a grace period.
            left_s = max(0.0, given_s - max(0.0, self._last_ts - since_ts))
        away.until_s = now_s + left_s
        departures.keep_away(session, away, now_s)


_NO_DATA = RecordData()
_NUMBERS: msgspec.json.Decoder[Mapping[str, Count]] = msgspec.json.Decoder(Mapping[str, Count])
