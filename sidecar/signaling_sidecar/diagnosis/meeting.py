"""A meeting: two sessions in one room at the same time, and the signals between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from signaling_sidecar.diagnosis.advice import next_step
from signaling_sidecar.diagnosis.entries import Entry
from signaling_sidecar.diagnosis.reasons import Reason
from signaling_sidecar.diagnosis.record_data import read_about, word_of
from signaling_sidecar.diagnosis.reports import Connection
from signaling_sidecar.eventlog.payload import Candidate

_REMOVED = {"kicked": "was kicked out of the room", "room-closed": "was removed because the room was closed"}
"""For each reason in `peer.left` that means that a peer was removed: the words after its label in a sentence."""


@dataclass(eq=False, slots=True)
class Session:
    """One peer in one room, from the join to the leave. It may span several WebSockets."""

    id: str
    peer: str
    name: str | None
    came: Entry
    """The first entry of the session."""
    room: tuple[str, str] = ("", "")
    """Dialect and room id, which are empty for a page that signaled through another server."""
    identity: str = ""
    """The first peer id of the page. A reload does not change it, even if the page then has another id."""
    label: str = ""
    """The label of the peer, see `peer_labels.py`."""
    gone: Entry | None = None
    """The entry that ended the session, or None while the session lasts."""
    away: list[Entry] = field(default_factory=list)
    """The entries that report a lost connection."""
    absent: Entry | None = None
    """The last entry of `away` if the peer has not returned since, and otherwise None."""
    absences: list[tuple[float, float]] = field(default_factory=list)
    """The times (seconds since the epoch) at which the peer lost its connection, and at which it returned. The present
    absence is not in the list."""
    end_of_token: str | None = None
    """What had happened to the client's token (`had expired` or `had been revoked`), if the sidecar has closed the last
    connection for that reason."""
    insecure: Entry | None = None
    """The entry that shows that the peer's page is not a secure context, or None."""
    pages: dict[str, Entry] = field(default_factory=dict)
    """By the id of a page load (which a reload changes), the entry that shows that this page uses the session."""

    def page_at(self, ts: float) -> str | None:
        """Return the id of the page load that used the session at the given time (seconds since the epoch), if the log
        shows it."""
        return next((page for page, since in reversed(self.pages.items()) if since.ts <= ts), None)

    @property
    def reloads(self) -> list[Entry]:
        """The entries which show that the page was unloaded, or that another page load uses the session."""
        if not self.away and len(self.pages) < 2:  # true of most sessions
            return []
        unloads = [entry for entry in self.away if read_about(entry.data).ending == "unloaded"]
        return [*unloads, *list(self.pages.values())[1:]]

    @property
    def ends(self) -> tuple[Entry, ...]:
        """The entries that ended the session, or an empty tuple while the session lasts.

        If a peer lost its connection and did not return, the session counts as ended from the loss on. So the first
        entry is the one that reports the lost connection.
        """
        if self.gone is None:
            return ()
        return (self.gone,) if self.absent is None else (self.absent, self.gone)

    @property
    def departure(self) -> str:
        """Words that follow the label of the peer in a sentence, and say how the session ended. Closing a page counts
        as leaving; losing the network does not."""
        end = self.absent or self.gone
        about = read_about(end.data if end is not None else None)
        if about.ending in ("lost", "stopped"):
            return self._without_token or "lost its connection to the sidecar"
        return _REMOVED.get(about.reason or "", "left")

    @property
    def absence(self) -> str:
        """Words that follow the label of the peer in a sentence, and say why the peer is away."""
        return self._without_token or "has lost its connection to the sidecar"

    @property
    def _without_token(self) -> str | None:
        return None if self.end_of_token is None else f"was disconnected because its token {self.end_of_token}"


class Signal(msgspec.Struct, eq=False, gc=False):
    """A frame that one of the two peers sent to the other, or to all peers."""

    entry: Entry
    """The record of the frame, without the content of the frame."""
    sender: int
    """The index of the sender in `Meeting.sessions`."""
    what: str
    """`offer`, `answer`, `candidate`, `end` or `other`."""
    ufrag: str | None
    candidates: Sequence[Candidate]
    has_frame: bool
    """Whether the log contains the frame or a summary of it, which depends on the setting `payloads`."""
    call: str | None = None
    """The id of the RTCPeerConnection that the frame is for, if the frame has one."""


@dataclass(eq=False)
class Refusal:
    """A frame of one of the two peers that the sidecar refused while they were together."""

    entry: Entry
    sender: int
    code: str
    message: str
    is_signal: bool
    """Whether the frame was certainly part of the negotiation with the other peer. This is false
    for a frame that leaves the room."""
    may_be_signal: bool
    """Whether the frame may have been part of the negotiation. This is true if the log does not show the kind of the
    frame. It is also true if the kind shows that the frame was for other peers, but not what it contained."""


@dataclass(eq=False, slots=True)
class Meeting:
    """Two sessions in one room at the same time. `sessions[0]` was in the room first.

    A meeting without a room is a meeting of two pages that signaled through another server, so only their reports are
    known.
    """

    dialect: str | None
    room: str | None
    sessions: tuple[Session, Session]
    met: Entry
    signals: list[Signal] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    connections: tuple[list[Connection], list[Connection]] = field(default_factory=lambda: ([], []))
    """For each side, the RTCPeerConnections to the other side that its browser has reported, in order."""
    shared: int | None = None
    """If one side uses its RTCPeerConnection for another pair as well: the index of this side in `sessions`."""
    gap: Entry | None = None
    """The last entry which reports, while the two were together, that the log could not be written for some time."""

    @property
    def pair(self) -> tuple[object, ...]:
        """A key for the two peers, which is the same for each of their meetings."""
        return self.dialect, self.room, frozenset(session.identity for session in self.sessions)

    @property
    def is_older_than_log(self) -> bool:
        """Whether the two were in the room before the log begins, according to its first checkpoint."""
        return self.met.type == "log.checkpoint"

    @property
    def is_of_one_page(self) -> bool:
        """Whether both ends are RTCPeerConnections of one page that signaled through another server."""
        return self.room is None and self.sessions[0].peer == self.sessions[1].peer != ""

    @property
    def is_with_unknown(self) -> bool:
        """Whether a page signaled through another server, and no page has reported the other end."""
        return self.room is None and self.sessions[1].id == ""

    def is_over_by(self, ts: float) -> bool:
        """Whether one of the two peers had left, or closed its connections, by the given time (seconds since the
        epoch)."""
        return any(self._is_over(side, ts) for side in (0, 1))

    def _is_over(self, side: int, ts: float) -> bool:
        session, own = self.sessions[side], self.connections[side]
        if session.gone is not None and session.gone.ts <= ts:
            return True
        return bool(own) and all(any(entry.ts <= ts for entry in each.when("event", "closed")) for each in own)

    def parted(self) -> Session | None:
        """Return the session that ended first, or None while both sessions last."""
        ended = [session for session in self.sessions if session.gone is not None]
        return min(ended, key=lambda session: session.ends[0].ts, default=None)


@dataclass(eq=False)
class Rejection:
    """A refused request to join a room, a refused offer to a peer that the sender had not met, or a client whose whole
    connection was refused."""

    entry: Entry
    session: Session | None
    """The sender, or None if it was in no room."""
    code: str
    message: str
    client: str | None = None
    """What is known of a client whose handshake or request was refused."""
    label: str | None = None
    """The label of a sender that was in the room before or after the refusal."""
    name: str = ""
    """The name in the refused request."""

    @property
    def who(self) -> str:
        label = self.session.label if self.session is not None else self.label
        return self.client or label or self.name or self.entry.peer or "an unknown peer"

    @property
    def sentence(self) -> str:
        word = word_of(self.entry.kind)
        if self.client is not None:
            return f"{self.client} was not let in: {self.code} ({self.message})"
        if self.entry.session is None and self.entry.room is not None and word != "offer":
            what = f"{self.who} was not admitted to {self.entry.room}"
        else:
            what = f"the {word or 'frame'} of {self.who} was refused"
        return f"{what}: {self.code} ({self.message})"

    @property
    def next_step(self) -> str | None:
        return next_step(Reason.REFUSED, self.code)
