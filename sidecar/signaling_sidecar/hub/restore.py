"""Restores the hub's state from the event log: from the last checkpoint in it, and the records after this checkpoint.

This is done after a restart, and in a cluster when another instance becomes the owner. No hook is called, and no client
is told anything. A record is ignored if it is about a room that is unknown, because the room's dialect is not enabled
any more or the log has a gap. The restored state always conforms to the rules at the top of `membership.py` and
`resumption.py`. For example, if a damaged log has two sessions of one peer in one room, only the later one is restored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from signaling_sidecar.errors import NOT_JSON, why_not_json
from signaling_sidecar.hub.checkpoint import Checkpoint, Count
from signaling_sidecar.hub.effects import FRAME_RECORDS
from signaling_sidecar.hub.hub import Hub
from signaling_sidecar.hub.lenient_reading import read_back
from signaling_sidecar.hub.membership import UNKNOWN_SECRETS, Away, Session
from signaling_sidecar.hub.restoration import Past, RecordData, Restoration
from signaling_sidecar.hub.restored_frames import RestoredFrames
from signaling_sidecar.hub.restored_rooms import RestoredRooms
from signaling_sidecar.hub.restored_sessions import RestoredSessions
from signaling_sidecar.hub.restored_tries import RestoredTries
from signaling_sidecar.hub.rules import Ending
from signaling_sidecar.hub.state import BARRED_S


class Restore:
    """Fills an empty hub. Call `start` with the checkpoint, `apply` with each record, and then `finish`.

    Without `is_living`, the hub is restored after a restart, which has ended all connections. Each client that was
    connected has its whole grace period to come back. With `is_living`, the hub takes over from a hub in another
    process, while connections to other instances are still open. `is_living` returns whether a connection in the log is
    still open. Deadlines that have begun continue. The hub must also be given the following commands, because the log
    does not contain them:

    - `TellSecrets` for each connection in a room whose name is secret, before any other command,
    - `WatchRooms` for each connection that watches the list of rooms,
    - the commands that the earlier hub held (`Hub.held`),
    - `SetLogState`, if the log cannot be written.
    """

    def __init__(self, hub: Hub, is_living: Callable[[int], bool] | None = None) -> None:
        self._hub = hub
        self._takes_over = is_living is not None
        self._restoration = Restoration(hub, is_living or _nobody_lives)
        self._rooms = RestoredRooms(self._restoration)
        self._sessions = RestoredSessions(self._restoration, self._rooms)
        self._frames = RestoredFrames(self._restoration)
        self._tries = RestoredTries(hub)
        self._verbs = {**self._rooms.verbs, **self._sessions.verbs, **self._frames.verbs}
        """The function for each type of record. Records of a type without a function do not change the state."""
        if self._takes_over:
            self._verbs.update(self._tries.verbs)

    def start(self, state: Checkpoint, ts: float) -> None:
        """Restore the state in a checkpoint that was written at `ts`, in seconds since the epoch."""
        self._restoration.last_ts = ts
        for in_log in state.rooms:
            room = self._rooms.from_checkpoint(in_log)
            if room is not None:
                for session in in_log.sessions:
                    self._sessions.from_checkpoint(room, session, ts)
                room.host = room.sessions.get(in_log.host or "", room.host)
        self._sessions.connect()
        for waiting in state.waiting:
            self._rooms.wait(waiting)
        for frame in state.mailboxes:
            self._frames.from_checkpoint(frame, ts)
        for key, peer in state.known_ids:
            if key.dialect in self._hub.state.rules:
                self._hub.membership.known_ids.add(key, peer)
        self._rooms.bar(state, ts)
        if self._takes_over:
            self._tries.from_checkpoint(state, ts)

    def apply(self, record: Past) -> str | None:
        """Apply the next record of the log. Returns a description of the parts that could not be read, or None."""
        self._restoration.last_ts = record.ts
        self._restoration.told = {}
        verb = self._verbs.get(record.type)
        data, left_out = _NO_DATA, list[str]()
        try:
            if verb is not None and record.data is not None and record.type not in FRAME_RECORDS:
                data, left_out = read_back(record.data, RecordData)
            if record.numbers is not None:
                self._restoration.told = _NUMBERS.decode(record.numbers)
        except NOT_JSON as error:
            return why_not_json(error)
        if verb is not None:
            verb(record, data)
        session = self._restoration.session(record)
        if session is not None and record.type in _ACTIVITIES:
            session.room.active_s = 0.0
        if record.c is not None and session is not None and session.resumption is not None:
            session.resumption.handled, session.resumption.owes_ack = record.c, True
            session.resumption.heard()
        return "; ".join(left_out) or None

    def finish(self, now_s: float) -> None:
        """Start all deadlines. Must be called after the last record, just before the hub gets its first command.

        If a session lost its connection because the earlier process ended, its grace period begins now.
        """
        hub, restoration = self._hub, self._restoration
        for room in hub.membership.rooms:
            room.active_s = now_s - max(0.0, room.active_s)
        hub.idle_rooms.watch_all()
        for session in restoration.in_order_of_loss():
            self._keep_away(session, now_s)
        hub.matchmaking.start_graces(now_s)
        for frame in hub.state.mailboxes:
            frame.at_s = now_s - restoration.ago_s(frame.at_s) if self._takes_over else now_s
        hub.state.mailboxes.start_deadlines(hub.state.rules)
        for key, peer, since_ts in self._rooms.barred:
            left_s = BARRED_S - restoration.ago_s(since_ts)
            if left_s > 0:
                hub.state.bar(key, peer, now_s + left_s)
        if self._takes_over:
            for session in restoration.sessions.values():
                self._take_over(session, now_s)
            self._tries.finish(restoration, now_s)

    def _keep_away(self, session: Session, now_s: float) -> None:
        departures, restoration = self._hub.departures, self._restoration
        away = session.away or Away(Ending.STOPPED, 0.0)
        if session.away is None or (away.ending is Ending.STOPPED and not self._takes_over):
            gone_s, given_s = 0.0, departures.grace_s(session, Ending.STOPPED)
        else:
            since_ts, given_s = restoration.graces.get(session.id, (0.0, 0.0))
            gone_s = restoration.ago_s(since_ts)
        away.until_s = now_s + max(0.0, given_s - gone_s)
        departures.keep_away(session, away, now_s - gone_s if self._takes_over else now_s)

    def _take_over(self, session: Session, now_s: float) -> None:
        """Restore those fields of a session's state that are needed only if connections are still open."""
        joining, resumption = session.room.rules.joining, session.resumption
        for ts in self._restoration.replaced_ts.get(session.id, ()):
            if (ago_s := self._restoration.ago_s(ts)) < joining.replacement_window_s:
                session.replaced_s = (*session.replaced_s, now_s - ago_s)
        if session.connection is None:
            return
        if session.room.rules.entry.secret:
            session.secrets = UNKNOWN_SECRETS
        if resumption is not None and resumption.proven != resumption.issued:
            self._hub.state.unconfirmed.add(session.connection)
        if resumption is not None and resumption.owes_ack:
            self._hub.numbered.acknowledge_later(session, resumption, now_s)


def _nobody_lives(_: int) -> bool:
    return False


_NO_DATA = RecordData()
_ACTIVITIES = FRAME_RECORDS | {"peer.joined", "peer.resumed", "peer.updated", "room.updated"}
"""The types of records that show that a peer has sent a frame. Until `finish`, `Room.active_s` is the number of seconds
for which the room has been idle."""
_NUMBERS: msgspec.json.Decoder[Mapping[str, Count]] = msgspec.json.Decoder(Mapping[str, Count])
