"""The types that are used to restore the hub from the event log: the records in the log, and the state while it is
being restored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec
from msgspec import UNSET

from signaling_sidecar.errors import Code
from signaling_sidecar.hub.checkpoint import Count, FromOne, Seconds
from signaling_sidecar.hub.hub import Hub
from signaling_sidecar.hub.membership import Session
from signaling_sidecar.hub.messages import Numbered
from signaling_sidecar.hub.resumption import Kept, size_of
from signaling_sidecar.hub.rules import Ending, OwnRules, Reason, RoomKey
from signaling_sidecar.hub.views import JsonText


class Past(msgspec.Struct, frozen=True, gc=False):
    """A record of the event log. It has only those fields that are needed to restore rooms and sessions."""

    ts: float
    type: str
    seq: int = 0
    dialect: str | None = None
    room: str | None = None
    peer: str | None = None
    to: str | None = None
    connection: int | None = None
    session: str | None = None
    kind: str | None = None
    data: str | None = None
    c: Count | None = None
    numbers: str | None = None

    @property
    def key(self) -> RoomKey:
        return RoomKey(self.dialect or "", self.room or "")


class RecordData(msgspec.Struct, frozen=True, gc=False):
    """The `data` of a record. The fields are those of all types of records. Each type of record has only some."""

    listed: bool = False
    name: str | None = None
    mode: str | None = None
    host: str | None = None
    metadata: JsonText = UNSET
    instance: str | None = None
    joined_at_ms: Count = 0
    at_ms: Count | None = None
    token: str | None = None
    proven: str | None = None
    own_token: str | None = None
    subject: str | None = None
    unlisted: bool = False
    """True if a peer has returned without being sent a list of the other peers."""
    ending: Ending = Ending.LOST
    grace_s: Seconds | None = None
    told: list[str] = []
    reason: Reason = Reason.LOST
    peers: list[str] = []
    size: Count = 0
    queue: str = ""
    code: Code = Code.INTERNAL
    message: str = ""
    ref: JsonText = UNSET
    rules: OwnRules | None = None
    by_admin: bool = False
    asked_listed: bool | None = None
    asked_capacity: FromOne | None = None
    group: FromOne | None = None
    text: str = ""
    a: Count = 0
    awaits_request: bool = False
    replaced: int | None = None
    """The connection that was replaced by `Past.connection`."""
    remote: str | None = None


Verb = Callable[[Past, RecordData], None]
"""A function that applies one record to the restored state."""


@dataclass(slots=True)
class Restoration:
    """The hub that is being restored, with temporary state that is needed only while it is being restored."""

    hub: Hub
    is_living: Callable[[int], bool]
    """Returns whether a connection is still open."""
    sessions: dict[str, Session] = field(default_factory=dict)
    """By session id."""
    graces: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By session id, for each session that was away: the time at which it lost its connection, by the log's clock, and
    its grace period at that time. They are in the order in which the sessions lost their connections."""
    replaced_ts: dict[str, list[float]] = field(default_factory=dict)
    """By session id, the times for `Session.replaced_s`, by the log's clock."""
    last_ts: float = 0.0
    """The time of the last record, by the log's clock."""
    told: Mapping[str, int] = field(default_factory=dict)
    """`Record.numbers` of the record that is being applied: by session id, the number of the frame that told the
    session about the recorded event."""

    def living(self, connection: int | None) -> int | None:
        """Return the connection if it is still open, otherwise None."""
        return connection if connection is not None and self.is_living(connection) else None

    def ago_s(self, ts: float) -> float:
        """Return how many seconds the time `ts` was before the last record, by the log's clock.

        It is never negative, so that a deadline does not become longer when the log's clock was set back.
        """
        return max(0.0, self.last_ts - ts)

    def in_order_of_loss(self) -> list[Session]:
        """Return the sessions without a connection, in the order in which they lost it. The last are the sessions
        that lost it because the earlier process ended."""
        without = (session for session in self.sessions.values() if session.connection is None)
        order = {id_: place for place, id_ in enumerate(self.graces)}
        return sorted(without, key=lambda session: order.get(session.id, len(order)) if session.away else len(order))

    def lost_connection(self, session: Session, since_ts: float, grace_s: float) -> None:
        self.graces.pop(session.id, None)
        self.graces[session.id] = since_ts, grace_s

    def session(self, record: Past) -> Session | None:
        return self.sessions.get(record.session or "")

    def keep_for_told(self, message_for: Callable[[str], Numbered | None]) -> None:
        """Keep the message about the recorded event for each resumable session to which it was sent, under its original
        number.

        `message_for` returns this message for a session id. If a number is missing, or `message_for` returns None, all
        frames kept for the session so far are dropped. A client that has missed one of them then gets `NotResumed` with
        `gap`.
        """
        for id_, s in self.told.items():
            session = self.sessions.get(id_)
            if session is None or session.resumption is None:
                continue
            resumption, message = session.resumption, message_for(id_)
            if message is None or s != resumption.sent + 1:
                resumption.forget_kept()
            resumption.sent = max(s, resumption.sent)
            if session.away is None:
                resumption.reached = resumption.sent
            if message is not None and s == resumption.sent:
                resumption.put_back(Kept(s, message, size_of(message)))
