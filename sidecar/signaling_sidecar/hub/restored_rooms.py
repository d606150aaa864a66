"""Restores the rooms, the queues of the matchmaking, and the peers that are barred from a room."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from signaling_sidecar.hub.checkpoint import Checkpoint, RoomInLog
from signaling_sidecar.hub.matchmaking import Waiting
from signaling_sidecar.hub.membership import Room
from signaling_sidecar.hub.restoration import Past, RecordData, Restoration, Verb
from signaling_sidecar.hub.rules import RoomKey
from signaling_sidecar.hub.state import BARRED_S

_UNKNOWN = RecordData()


class RestoredRooms:
    def __init__(self, restoration: Restoration) -> None:
        self._restoration = restoration
        self._hub = restoration.hub
        self._membership = restoration.hub.membership
        self._new_rooms: dict[RoomKey, Room] = {}
        """Rooms whose creation was recorded, but whose first peer has not joined yet. The hub does not have them yet,
        because it has no rooms without peers."""
        self.barred: list[tuple[RoomKey, str, float]] = []
        """For each peer that the admin has removed: its room, its id, and the time by the log's clock."""
        self.verbs: Mapping[str, Verb] = {
            "room.created": self._created,
            "room.updated": self._updated,
            "room.ruled": self._ruled,
            "match.found": self._matched,
            "match.queued": self._queued,
            "match.cancelled": self._cancelled,
            "admin.kicked": self._kicked,
        }

    def make(self, key: RoomKey, about: RecordData | RoomInLog = _UNKNOWN) -> Room | None:
        """Create a room without sessions. Returns None if its dialect is not enabled any more."""
        rules = self._hub.state.rules.get(key.dialect)
        if rules is None:
            return None
        listed = about.listed if about.asked_listed is None else about.asked_listed
        room = Room(key, rules, listed, about.asked_capacity, created_at_ms=0, active_s=0.0, group=about.group)
        room.set_rules(rules, about.rules)
        room.ruled_by_admin = about.by_admin
        room.name, room.mode = about.name, about.mode
        return room

    def from_checkpoint(self, state: RoomInLog) -> Room | None:
        """Create a room from a checkpoint. The caller must add its sessions, and set its host."""
        key = RoomKey(state.dialect, state.room)
        if self._membership.room(key) is not None or not state.sessions:
            return None
        room = self.make(key, state)
        if room is not None:
            room.is_complete = state.complete
            room.matched, room.queue = tuple(state.matched), state.queue
            room.created_at_ms, room.active_s = state.created_at_ms, state.idle_s
        return room

    def to_join(self, key: RoomKey, joined_at_ms: int) -> Room | None:
        """Return the room that a peer joins. If the peer is the first one, the room is created. A room of the
        matchmaking was created at the time of the last request of its peers."""
        room = self._membership.room(key) or self._new_rooms.pop(key, None) or self.make(key)
        if room is not None and (not room.sessions or room.matched):
            room.created_at_ms = joined_at_ms
        return room

    def wait(self, waiting: Waiting) -> None:
        """Put a peer back into its queue, unless it has got a room."""
        is_served = waiting.dialect in self._hub.state.rules
        if is_served and self._membership.session_of_peer(waiting.dialect, waiting.peer) is None:
            connection = self._restoration.living(waiting.connection)
            self._hub.matchmaking.restore(msgspec.structs.replace(waiting, connection=connection))

    def bar(self, state: Checkpoint, ts: float) -> None:
        """Restore the barred peers from a checkpoint that was written at `ts`."""
        for number, (key, peer) in enumerate(state.barred):
            left_s = state.barred_left_s[number] if number < len(state.barred_left_s) else BARRED_S
            self.barred.append((key, peer, ts + left_s - BARRED_S))

    def _created(self, record: Past, data: RecordData) -> None:
        room = self.make(record.key, data)
        if room is not None:
            self._new_rooms[room.key] = room

    def _updated(self, record: Past, data: RecordData) -> None:
        room = self._membership.room(record.key)
        if room is not None:
            room.name, room.mode = data.name or room.name, data.mode or room.mode
            room.host = room.sessions.get(data.host or "", room.host)

    def _ruled(self, record: Past, data: RecordData) -> None:
        room = self._membership.room(record.key)
        if room is not None:
            room.set_rules(self._hub.state.rules[room.key.dialect], data.rules)
            room.ruled_by_admin = data.by_admin

    def _matched(self, record: Past, data: RecordData) -> None:
        room = self._new_rooms.get(record.key)
        if room is not None:
            room.matched, room.queue = tuple(data.peers), data.queue

    def _queued(self, record: Past, data: RecordData) -> None:
        if record.dialect is not None and record.peer is not None:
            at_ms = data.at_ms if data.at_ms is not None else round(record.ts * 1000)  # as in earlier releases
            self.wait(
                Waiting(record.dialect, record.peer, data.size, record.connection, at_ms, data.queue, data.subject)
            )

    def _cancelled(self, record: Past, data: RecordData) -> None:
        self._hub.matchmaking.forget(record.dialect or "", record.peer or "")

    def _kicked(self, record: Past, data: RecordData) -> None:
        if record.peer is not None:
            self.barred.append((record.key, record.peer, record.ts))
