"""Finds the meetings in a log: every two sessions that were in one room at the same time, and their signals.

`room_sessions.py` keeps track of who is in which room, and `verdicts.py` evaluates the meetings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from signaling_sidecar.diagnosis.entries import Entry
from signaling_sidecar.diagnosis.external_signaling import ExternalPages, OfferPool
from signaling_sidecar.diagnosis.meeting import Meeting, Rejection, Signal
from signaling_sidecar.diagnosis.peer_labels import PeerLabels
from signaling_sidecar.diagnosis.reasons import SIGNALING_WITHIN_S
from signaling_sidecar.diagnosis.record_data import call_of, content_of, media_of, word_of
from signaling_sidecar.diagnosis.refusals import Refusals
from signaling_sidecar.diagnosis.refused_media import RefusedMedia, refused_media
from signaling_sidecar.diagnosis.reported_meetings import ReportedMeetings
from signaling_sidecar.diagnosis.reports import OF_DUMP, Connection, Connections, Report
from signaling_sidecar.diagnosis.room_sessions import Hosts, RoomKey, RoomSessions
from signaling_sidecar.diagnosis.sockets import Sockets
from signaling_sidecar.eventlog.payload import Candidate, Content


@dataclass(eq=False)
class FoundMeetings:
    """The meetings of a log, and everything else that a diagnosis needs from the log."""

    meetings: list[Meeting]
    rejections: list[Rejection]
    connections: Connections
    labels: dict[RoomKey, PeerLabels]
    """By dialect and room, the labels of all peers of the room that occur in the log."""
    pools: list[OfferPool]
    last_ts: float
    last_boot: str
    """The boot id in the last record."""
    dumped_ts: float
    """The time of the last report in a dump of a browser (seconds since the epoch), or 0. A dump may be longer than the
    log, and does not show what happened in the rooms after the end of the log."""
    unread: list[RoomKey]
    """The rooms, by dialect and room id, for which the log does not show who met, because their frames to all peers are
    encrypted or in an unknown form. The rooms are in the order of their first such frames."""
    hosts: Hosts
    idle_pages: int
    """The number of pages that have an RTCPeerConnection, and have made no offer and received none."""
    refused_media: list[RefusedMedia]


def find_meetings(entries: Iterable[Entry]) -> FoundMeetings:
    """Find the meetings in the entries of a log. The entries must be in the order of the log."""
    finder = MeetingFinder()
    for entry in entries:
        finder.take(entry)
    return finder.found()


class MeetingFinder:
    """Finds the meetings in a log that may still grow. `found` may be called again after more calls of `take`. This
    changes the objects that earlier calls of `found` have returned."""

    def __init__(self) -> None:
        self._sockets = Sockets()
        self._sessions = RoomSessions(self._sockets)
        self._refusals = Refusals(self._sessions)
        self._connections = Connections()
        self._last_ts = 0.0
        self._last_boot = ""
        self._dumped_ts = 0.0
        self._unread: dict[RoomKey, None] = {}
        """The keys are the rooms of `FoundMeetings.unread`."""
        self._kept_ufrags: set[str | None] = {None}
        """The ICE ufrags in frames that the sidecar kept for a peer that could not be reached."""
        self._refused_offers_ts: list[float] = []
        """When the sidecar refused an offer (seconds since the epoch). The log has no content of refused frames."""

    def take(self, entry: Entry) -> None:
        if entry.kind == OF_DUMP and entry.type == "trace.state":
            self._dumped_ts = max(self._dumped_ts, entry.ts)
        elif entry.ts > self._last_ts:
            self._last_ts = entry.ts
            self._last_boot = entry.boot
        if entry.type == "signal.relayed":  # most records have this type, so it is checked first
            self._take_relayed(entry)
        elif entry.type == "trace.state":
            self._take_report(entry)
        elif entry.type == "log.checkpoint":
            self._sessions.take_checkpoint(entry)
        elif entry.type == "log.gap":
            self._sessions.take_gap(entry)
        elif entry.type in ("signal.refused", "signal.expired"):
            self._refusals.take(entry)
            if entry.type == "signal.refused" and word_of(entry.kind) == "offer":
                self._refused_offers_ts.append(entry.ts)
        elif entry.type == "auth.failed":
            self._refusals.take_token(entry)
        elif entry.type.startswith("connection."):
            self._sockets.add(entry)
            if entry.type == "connection.closed":
                self._refusals.take_closed(entry)
        elif entry.dialect is not None and entry.room is not None:
            self._take_in_room((entry.dialect, entry.room), entry)

    def found(self) -> FoundMeetings:
        """Return the meetings in all entries that `take` has received."""
        pages = ExternalPages(self._connections, self._sockets)
        external = list(pages.meetings(self._join_reports()))
        self._sessions.call_peers()
        self._refusals.sort()
        self._refusals.name()
        # A page that was reloaded is no pair with its own earlier session, which the sidecar keeps for some seconds.
        own = [each for each in self._sessions.meetings if len({session.identity for session in each.sessions}) > 1]
        meetings = [*own, *external]
        met = {(meeting.dialect or "", meeting.room or "") for meeting in meetings}
        return FoundMeetings(
            meetings,
            self._refusals.rejections,
            self._connections,
            self._sessions.labels,
            pages.pools,
            self._last_ts,
            self._last_boot,
            self._dumped_ts,
            [key for key in self._unread if key not in met],
            self._sessions.hosts,
            pages.idle_pages,
            list(refused_media(self._connections, self._sockets)),
        )

    def _take_report(self, entry: Entry) -> None:
        report = self._connections.add(entry)
        session = self._sessions.by_id.get(entry.session or "")
        if report is not None and report.pc is None and session is not None:
            self._sessions.learn_page(session, report)

    def _take_in_room(self, key: RoomKey, entry: Entry) -> None:
        if entry.session is None or entry.peer is None:
            self._sessions.take_room(key, entry)
            return
        session = self._sessions.session_of(key, entry.session, entry.peer, entry)
        if entry.type.startswith("peer."):
            self._sessions.take_peer(key, session, entry)
        elif entry.type == "signal.kept":
            self._kept_ufrags.add(media_of(entry.kind, entry.data).ufrag)

    def _take_relayed(self, entry: Entry) -> None:
        if entry.dialect is None or entry.room is None or entry.session is None or entry.peer is None:
            return
        key = entry.dialect, entry.room
        session = self._sessions.session_of(key, entry.session, entry.peer, entry)
        self._refusals.relayed_kinds.add((entry.dialect, entry.kind))
        content = content_of(entry.kind, entry.data)
        what = _what(content, entry.kind)
        # If the sidecar does not announce the peers of a room, the peers search for each other by frames to all peers.
        # Such a search does not begin a meeting. If it is readable, it is no signal of a meeting that has begun either:
        # a page of y-webrtc continues to announce itself.
        is_unannounced = self._sessions.is_unannounced(key)
        is_search = is_unannounced and entry.to is None and what == "other"
        if is_search and not content.is_opaque:
            return
        if is_search:
            self._unread[key] = None
        # A tuple takes less memory than a list, and all empty tuples are one object.
        candidates = tuple([_shared(each) for each in content.candidates if each.type not in ("end", "malformed")])
        call, has_frame, kept = call_of(entry.data), entry.data is not None, entry.without_data()
        # For each frame, all meetings in which the sender is `sessions[0]` share one `Signal`, and all other meetings
        # share another.
        of_side: list[Signal | None] = [None, None]
        for meeting in self._sessions.meetings_with(session, key, entry, may_begin=is_unannounced and not is_search):
            side = 0 if meeting.sessions[0] is session else 1
            signal = of_side[side] or Signal(kept, side, what, content.ufrag, candidates, has_frame, call)
            of_side[side] = signal
            meeting.signals.append(signal)

    def _join_reports(self) -> list[Connection]:
        """Add each reported RTCPeerConnection to a meeting: the one with the peer that the report names, or else the
        one whose signals contain its ICE ufrags. Add it to the later meetings during which it was still open, too.

        Return the RTCPeerConnections of pages that signaled through another server."""
        for meeting in self._sessions.meetings:
            meeting.connections = ([], [])
        known = ReportedMeetings(self._sessions.meetings, self._connections.by_id.values())
        external: list[Connection] = []
        pages: dict[RoomKey, dict[str, Report]] = defaultdict(dict)
        for connection in self._connections.by_id.values():
            found = known.of(connection)
            for meeting, side in found:
                meeting.connections[side].append(connection)
                about = self._connections.pages.get(connection.page or "")
                if about is not None:
                    session = meeting.sessions[side]
                    pages[session.room][session.peer] = about
            if not found and connection.session is None and not self._came_here(connection):
                external.append(connection)
        for key, labels in self._sessions.labels.items():
            labels.pages_of_connections(pages.get(key, {}))
        for id_, entry in self._connections.insecure_sessions.items():
            if id_ in self._sessions.by_id:
                self._sessions.by_id[id_].insecure = entry
        return external

    def _came_here(self, connection: Connection) -> bool:
        """Whether the offer of an RTCPeerConnection reached this sidecar, which kept it for an absent peer, or has
        probably refused it, because it refused an offer at about the same time."""
        if not self._kept_ufrags.isdisjoint(connection.ufrags):
            return True
        offered = () if connection.remote_ufrags else connection.when("signaling", "have-local-offer")
        return any(abs(ts - entry.ts) <= SIGNALING_WITHIN_S for entry in offered for ts in self._refused_offers_ts)


def _shared(candidate: Candidate) -> Candidate:
    """Return only those properties of a candidate that a diagnosis needs. Candidates with equal properties share one
    object. Their random `.local` names are left out, because they would take a tenth of the memory for a long log."""
    kind = candidate.address_class
    return _equal(candidate.type, kind, candidate.address if kind == "private" else None)


@lru_cache(maxsize=1024)
def _equal(type_: str, address_class: str | None, address: str | None) -> Candidate:
    return Candidate(type_, address_class=address_class, address=address)


def _what(content: Content, kind: str | None) -> str:
    """Return the role of a frame in the negotiation of two peers: one of the values of `Signal.what`."""
    if content.description is not None and content.description.type is not None:
        return content.description.type
    if content.candidate is not None:
        return "end" if content.candidate.type == "end" else "candidate"
    word = word_of(kind)
    return word if word in ("offer", "answer", "candidate") else "other"
