"""The types for restoring the hub in another process: the records that are read from the log, and the state that is
restored."""

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
    """A record of the log, with the fields that are needed to restore rooms and sessions."""

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
    """The `data` of the records that are restored. Each type of record has only some of these fields."""

    listed: bool = False
    name: str | None = None
    mode: str | None = None
    host: str | None = None
    metadata: JsonText = UNSET
    instance: str | None = None
    joined_at_ms: Count = 0
    token: str | None = None
    proven: str | None = None
    own_token: str | None = None
    subject: str | None = None
    unlisted: bool = False
    """Whether the peer was not sent a list of the others."""
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
    asked_capacity: FromOne | None = None
    group: FromOne | None = None
    text: str = ""
    a: Count = 0
    awaits_request: bool = False
    replaced: int | None = None
    """The older connection that a newer one has replaced."""
    remote: str | None = None


Verb = Callable[[Past, RecordData], None]
"""A function that applies one record to the restored state."""


@dataclass(slots=True)
class Restoration:
    """The hub that is being restored, and the state that is needed only until this is done."""

    hub: Hub
    is_living: Callable[[int], bool]
    """Whether a connection is still open."""
    sessions: dict[str, Session] = field(default_factory=dict)
    """By session id."""
    graces: dict[str, tuple[float, float]] = field(default_factory=dict)
    """For each session that was away, by its id: the time at which it lost its connection (by the log's clock), and its
    grace period at that time. The last one to lose its connection is the last."""
    replaced_ts: dict[str, list[float]] = field(default_factory=dict)
    """For `Session.replaced_s`, by session id: the times by the log's clock."""
    last_ts: float = 0.0
    """The time of the last record by the log's clock."""
    told: Mapping[str, int] = field(default_factory=dict)
    """For the record that is being restored: by session id, the number of the frame that told the session about the
    event."""

    def living(self, connection: int | None) -> int | None:
        """Return the connection if it is still open, otherwise None."""
        return connection if connection is not None and self.is_living(connection) else None

    def ago_s(self, ts: float) -> float:
        """Return how long before the last record a time of the log's clock was. The time since that record does not
        count.

        A clock that was set back must not lengthen a deadline.
        """
        return max(0.0, self.last_ts - ts)

    def in_order_of_loss(self) -> list[Session]:
        """Return the sessions without a connection. Those that have lost it with the process are the last."""
        without = (session for session in self.sessions.values() if session.connection is None)
        order = {id_: place for place, id_ in enumerate(self.graces)}
        return sorted(without, key=lambda session: order.get(session.id, len(order)) if session.away else len(order))

    def lost_connection(self, session: Session, since_ts: float, grace_s: float) -> None:
        self.graces.pop(session.id, None)
        self.graces[session.id] = since_ts, grace_s

    def session(self, record: Past) -> Session | None:
        return self.sessions.get(record.session or "")

    def keep_for_told(self, message_for: Callable[[str], Numbered | None]) -> None:
        """Keep, for each resumable session, the message that told it about the recorded event, with its original
        number.

        `message_for` returns this message for a session id. If a number is missing, or a message cannot be created
        again, all kept frames of the session are dropped, and its client is told that there is a gap.
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
