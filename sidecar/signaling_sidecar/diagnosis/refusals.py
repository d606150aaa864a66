"""Finds out which peers lack a frame that the sidecar has refused."""

from __future__ import annotations

import msgspec

from signaling_sidecar.diagnosis.entries import Entry
from signaling_sidecar.diagnosis.meeting import Refusal, Rejection
from signaling_sidecar.diagnosis.record_data import read_about, word_of
from signaling_sidecar.diagnosis.refused_tokens import read_refused_token
from signaling_sidecar.diagnosis.room_sessions import RoomSessions
from signaling_sidecar.diagnosis.sockets import read_closed
from signaling_sidecar.errors import Code

_NEGOTIATING_WORDS = ("offer", "answer", "candidate")
_SIGNAL_WORDS = ("signal", "broadcast")
"""Types of frames that are for other peers, and whose content each app chooses."""


class Refusals:
    """Adds each refused frame of a log to the meetings of its sender with the peers that the frame was for. A meeting
    is two sessions in one room at the same time."""

    def __init__(self, sessions: RoomSessions) -> None:
        self.rejections: list[Rejection] = []
        """The refused joins and clients, and the refused offers that were not for a peer in the room."""
        self.relayed_kinds: set[tuple[str | None, str | None]] = set()
        """Each kind of frame that was relayed, with its dialect. Frames of these kinds are for other peers."""
        self._unsorted: list[Refusal] = []
        """The refusals of frames that may not have been for other peers, because their kind was not relayed yet."""
        self._sessions = sessions
        self._tokens: dict[tuple[str, int], str] = {}
        """By boot id and connection number, why the client's token was refused. The next refused frame of the
        connection is the one that contained the token, so the entry is removed at that frame."""

    def take_token(self, entry: Entry) -> None:
        """Process a record of a client that was not let in because of its token."""
        refused = read_refused_token(entry)
        if entry.connection is not None:
            self._tokens[entry.boot, entry.connection] = refused.words
        else:
            client = f"a client at {refused.remote}" if refused.remote is not None else "a client"
            self.rejections.append(Rejection(entry, None, Code.UNAUTHORISED, refused.words, client))

    def take(self, entry: Entry) -> None:
        """Process a record of a frame that was refused, or that expired before it reached its receiver."""
        if entry.type == "signal.expired":
            self._add(entry, Code.NO_SUCH_PEER, f"no peer {entry.to!r} joined before the frame expired")
        else:
            about = read_about(entry.data)
            token = self._tokens.pop((entry.boot, entry.connection or 0), None)
            self._add(entry, about.code or "", token or about.message or "")

    def take_closed(self, entry: Entry) -> None:
        """Process a record of a closed connection, whose last frame may have been over the size limit."""
        closed = read_closed(entry)
        if closed.is_too_big:
            for each in self._in_each_room(entry):
                self._add(each, Code.TOO_LARGE, closed.reason or "")

    def sort(self) -> None:
        """Set `may_be_signal` of each refused frame whose kind occurs among the relayed frames: frames of such a kind
        are for other peers."""
        for each in self._unsorted:
            each.may_be_signal = (each.entry.dialect, each.entry.kind) in self.relayed_kinds
        self._unsorted = [each for each in self._unsorted if not each.may_be_signal]

    def name(self) -> None:
        """Set the labels of the peers that were in no room when they were refused."""
        for each in self.rejections:
            labels = self._sessions.labels.get((each.entry.dialect or "", each.entry.room or ""))
            if labels is not None and each.session is None and each.entry.peer is not None:
                each.label = labels.beside_id(each.entry.peer)

    def _add(self, entry: Entry, code: str, message: str) -> None:
        session = self._sessions.by_id.get(entry.session or "")
        meetings = [] if session is None else list(self._sessions.meetings_meant_by(session, entry))
        # True if the frame's type cannot be read, is unknown to the dialect, or is the same for offers and answers.
        may_be_signal = entry.kind is None or code == Code.UNKNOWN_TYPE or entry.kind in _SIGNAL_WORDS
        for meeting in meetings:
            side = 0 if meeting.sessions[0] is session else 1
            refusal = Refusal(entry, side, code, message, _is_signal(entry), may_be_signal)
            meeting.refusals.append(refusal)
            if not (refusal.is_signal or refusal.may_be_signal):
                self._unsorted.append(refusal)
        # A candidate or an update of a client in no room is refused too, but only because its join was refused before.
        is_of_newcomer = entry.session is None and entry.kind is not None and code != Code.NOT_JOINED
        if not meetings and (is_of_newcomer or word_of(entry.kind) == "offer"):
            name = (read_about(entry.data).name or "").strip()
            self.rejections.append(Rejection(entry, session, code, message, name=name))

    def _in_each_room(self, closed: Entry) -> list[Entry]:
        """Return the entry once for each session of its connection. The entry in the log names no room if the
        connection was in several rooms."""
        ended = self._sessions.on_connection(closed.boot, closed.connection)
        if closed.session is not None or closed.connection is None or not ended:
            return [closed]
        return [
            msgspec.structs.replace(closed, dialect=dialect, room=room, peer=session.peer, session=session.id)
            for session in ended
            for dialect, room in [session.room]
        ]


def _is_signal(entry: Entry) -> bool:
    """Whether a refused frame was certainly for other peers. A frame over the size limit, for which the sidecar closed
    the connection, counts as a frame for other peers."""
    return entry.to is not None or entry.type == "connection.closed" or word_of(entry.kind) in _NEGOTIATING_WORDS
