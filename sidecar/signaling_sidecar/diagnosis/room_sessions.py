"""Keeps track of the sessions in each room while a log is read, and adds a meeting when two sessions meet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import msgspec

from signaling_sidecar.diagnosis.checkpoints import rooms_in
from signaling_sidecar.diagnosis.entries import Entry
from signaling_sidecar.diagnosis.meeting import Meeting, Session
from signaling_sidecar.diagnosis.peer_labels import PeerLabels
from signaling_sidecar.diagnosis.record_data import read_about
from signaling_sidecar.diagnosis.reports import Report
from signaling_sidecar.diagnosis.sockets import Sockets

RoomKey = tuple[str, str]
"""The dialect and the id of a room."""

Hosts = dict[RoomKey, list[tuple[float, str]]]
"""For each room that has a host, its hosts: since when (seconds since the epoch), and the peer id."""

_STOPPED = '{"ending":"stopped"}'
"""The data of a record that says that a peer's connection ended because the sidecar was stopped."""


class RoomSessions:
    """The sessions of a log, the rooms that they are in, and their meetings."""

    def __init__(self, sockets: Sockets) -> None:
        self.meetings: list[Meeting] = []
        """Every two sessions that were in one room at the same time, in the order in which they met."""
        self.by_id: dict[str, Session] = {}
        self.labels: dict[RoomKey, PeerLabels] = defaultdict(PeerLabels)
        self.hosts: Hosts = defaultdict(list)
        self._sockets = sockets
        self._rooms: dict[RoomKey, dict[str, Session]] = {}
        """For each room, its present sessions by peer id."""
        self._of_peer: dict[str, list[Session]] = {}
        """The sessions by peer id, in order of joining."""
        self._by_pair: dict[tuple[str, str], Meeting] = {}
        self._unannounced: set[RoomKey] = set()
        """The rooms whose peers the sidecar does not announce to each other. Two peers of such a room meet when one of
        them sends a frame to the other."""
        self._connections: dict[str, tuple[str, int | None]] = {}
        """For each session, the boot id and the number of its last connection."""

    # --- who is there -------------------------------------------------------------------------------------------------

    def take_checkpoint(self, entry: Entry) -> None:
        """Process the sessions in the checkpoint at the beginning of a segment.

        A session in it may have joined before this log begins. A session that the log has shown before, and that is not
        in the checkpoint, has ended, for example between two runs.
        """
        rooms = rooms_in(entry)
        if rooms is None:
            return
        present = {known.session for room in rooms for known in room.sessions}
        for members in self._rooms.values():
            for session in [each for each in members.values() if each.id not in present]:
                session.gone = entry
                self.labels[session.room].gone(session.peer, entry.ts)
                del members[session.peer]
        for room in rooms:
            key = (room.dialect, room.room)
            self._learn_whether_announced(key, announced=room.announced)
            self._learn_host(key, room.host, entry)
            for known in room.sessions:
                if known.session not in self.by_id:
                    begun = self._begin(key, known.session, known.peer, entry)
                    begun.name = known.name
                    _learn_instance(begun, known.instance, entry)
                    self.labels[key].name(known.peer, entry.ts, known.name)
                session = self.by_id[known.session]
                if known.connection is None and session.absent is None:
                    self._was_lost(session, entry)

    def _was_lost(self, session: Session, checkpoint: Entry) -> None:
        """Mark a peer as away, as the checkpoint shows it. If the sidecar was killed, no other record shows this."""
        lost = msgspec.structs.replace(checkpoint.without_data(), data=_STOPPED)
        session.away.append(lost)
        session.absent = lost

    def take_gap(self, entry: Entry) -> None:
        """Process a record which reports that the log could not be written for some time."""
        for meeting in self.meetings:
            if meeting.parted() is None:
                meeting.gap = entry

    def take_room(self, key: RoomKey, entry: Entry) -> None:
        """Process a record about a room as a whole."""
        if entry.type == "room.ended":
            self._rooms.pop(key, None)
        elif entry.type == "room.created":
            self._learn_whether_announced(key, announced=read_about(entry.data).announced)
        elif entry.type == "room.updated":
            self._learn_host(key, read_about(entry.data).host, entry)

    def take_peer(self, key: RoomKey, session: Session, entry: Entry) -> None:
        """Process a record of a peer that joined, returned, changed, lost its connection or left."""
        self.labels[key].take(entry.type, entry.ts, session.peer, entry.data)
        match entry.type:
            case "peer.joined" | "peer.resumed":
                about = read_about(entry.data)
                session.name = about.name or session.name
                _learn_instance(session, about.instance, entry)
                if session.absent is not None:
                    session.absences.append((session.absent.ts, entry.ts))
                session.absent, session.insecure = None, self._sockets.insecure(entry)
                session.end_of_token = None
                self._connections[session.id] = entry.boot, entry.connection
            case "peer.updated":
                session.name = read_about(entry.data).name or session.name
            case "peer.away":
                session.away.append(entry)
                session.absent, session.end_of_token = entry, self._sockets.end_of_token(entry)
            case "peer.left":
                session.gone = entry
                session.end_of_token = session.end_of_token or self._sockets.end_of_token(entry)
                self._rooms.get(key, {}).pop(session.peer, None)  # missing if another program reordered the records

    def _learn_host(self, key: RoomKey, host: str | None, entry: Entry) -> None:
        if host is not None and not (self.hosts[key] and self.hosts[key][-1][1] == host):
            self.hosts[key].append((entry.ts, host))

    def session_of(self, key: RoomKey, id_: str, peer: str, entry: Entry) -> Session:
        """Return the session that caused an entry. The session begins with this entry if the log has not shown it
        before."""
        return self.by_id.get(id_) or self._begin(key, id_, peer, entry)

    def learn_page(self, session: Session, about: Report) -> None:
        """Use the title and the path of a session's page for the label of its peer."""
        self.labels[session.room].page(session.peer, session.came.ts, about)

    def call_peers(self) -> None:
        """Set the labels of all sessions. The labels are known only after the last entry."""
        for session in self.by_id.values():
            labels = self.labels[session.room]
            session.label, session.identity = labels.of(session.peer), labels.first_of(session.peer)

    def _begin(self, key: RoomKey, id_: str, peer: str, entry: Entry) -> Session:
        session = self.by_id[id_] = Session(id_, peer, None, entry, key)
        self._of_peer.setdefault(peer, []).append(session)
        self.labels[key].name(peer, entry.ts, None)
        room = self._rooms.setdefault(key, {})
        if key not in self._unannounced:
            for other in room.values():
                self._meet(other, session, entry)
        room[peer] = session
        return session

    def _learn_whether_announced(self, key: RoomKey, *, announced: bool) -> None:
        if announced:
            self._unannounced.discard(key)
        else:
            self._unannounced.add(key)

    # --- who meets whom -----------------------------------------------------------------------------------------------

    def is_unannounced(self, key: RoomKey) -> bool:
        """Whether two peers of this room meet only when one of them sends a frame to the other."""
        return key in self._unannounced

    def meetings_with(self, session: Session, key: RoomKey, entry: Entry, *, may_begin: bool) -> list[Meeting]:
        """Return the meetings of the sender with each receiver of a frame. If `may_begin` is true, the frame begins a
        meeting of the sender with each receiver that it has not met yet."""
        room = self._rooms.get(key)
        if room is None or (entry.to is not None and entry.to not in room):
            return []
        found = []
        for receiver in room.values() if entry.to is None else (room[entry.to],):
            meeting = self._by_pair.get((session.id, receiver.id))
            if meeting is not None:
                found.append(meeting)
            elif may_begin and receiver is not session:
                found.append(self._meet(session, receiver, entry))
        return found

    def meetings_meant_by(self, session: Session, entry: Entry) -> Iterator[Meeting]:
        """Yield the meetings of the sender with the peers that would have received a refused frame. If the receiver had
        left, yield the sender's meeting with the receiver's last session."""
        room = self._rooms.get((entry.dialect or "", entry.room or ""), {})
        others = [other for other in room.values() if other.peer == entry.to or entry.to is None]
        gone = [other for other in self._of_peer.get(entry.to or "", []) if other.gone] if not others else []
        for other in [*others, *gone[-1:]]:
            meeting = self._by_pair.get((session.id, other.id))
            if meeting is not None:
                yield meeting

    def on_connection(self, boot: str, connection: int | None) -> list[Session]:
        """Return the sessions that used a connection when it ended. They may be in several rooms."""
        return [
            session
            for session in self.by_id.values()
            if session.gone is None and self._connections.get(session.id) == (boot, connection)
        ]

    def _meet(self, earlier: Session, later: Session, entry: Entry) -> Meeting:
        meeting = Meeting(*later.room, (earlier, later), entry)
        self._by_pair[earlier.id, later.id] = self._by_pair[later.id, earlier.id] = meeting
        self.meetings.append(meeting)
        return meeting


def _learn_instance(session: Session, instance: str | None, entry: Entry) -> None:
    if instance is not None:
        session.pages.setdefault(instance, entry.without_data())
