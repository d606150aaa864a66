"""Keeps frames for peers that cannot be reached. Each frame is kept until its receiver joins, or until it expires.

All other code must use this module to read or change the kept frames.

1. A frame is kept under its room and the peer id of its receiver. The room itself may end while the frame is kept, and
   begin again.
2. A receiver's frames are delivered in the order in which they were sent, before any frame that is sent to it later.
3. No frame is kept for a peer that can be reached: all its frames are delivered as soon as it is connected.
4. The room's rules (`Mailbox`) limit how much is kept, and for how long. When a frame expires, its sender is told if
   the sender is still in the room. A frame does not expire while its sender is away.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from msgspec import UNSET

from signaling_sidecar.hub import messages, records
from signaling_sidecar.hub.announcements import announce
from signaling_sidecar.hub.commands import Relay
from signaling_sidecar.hub.contacts import remember
from signaling_sidecar.hub.deadlines import Deadlines
from signaling_sidecar.hub.effects import Effect, Record
from signaling_sidecar.hub.membership import Session
from signaling_sidecar.hub.payloads import to_json
from signaling_sidecar.hub.rules import Mailbox, RoomKey, RoomRules
from signaling_sidecar.hub.views import JsonText


@dataclass(slots=True, eq=False)
class KeptFrame:
    """A kept frame, with the data that are needed to deliver it or to tell its sender that it has expired."""

    room: RoomKey
    receiver: str
    sender: str
    kind: str
    payload: bytes | None
    """The frame in the form in which its dialect relays it. None after a restart if the event log does not contain
    payloads: then the frame cannot be delivered any more, and expires."""
    session: Session | None
    """The session of the sender. None if the frame was restored after that session had ended."""
    at_s: float
    """The time from which `Mailbox.keep_s` counts: when the frame was sent or, after a restart, restored."""
    ref: JsonText = UNSET
    """The JSON text of the frame's own "id" field. It is lost at a restart."""

    @property
    def size(self) -> int:
        return len(self.payload or b"")

    @property
    def senders(self) -> list[Session]:
        """A list that contains only the sender's session, or is empty if that session has ended."""
        session = self.session
        return [session] if session is not None and session.room.sessions.get(session.peer) is session else []


class Mailboxes:
    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._frames: dict[tuple[RoomKey, str], deque[KeptFrame]] = {}
        """By room and receiver. No queue is empty."""
        self._kept_bytes: dict[str, int] = {}
        """For each dialect, the size of the payloads of all its kept frames."""

    def __iter__(self) -> Iterator[KeptFrame]:
        """Iterate over all kept frames. The frames for the same receiver are in the order in which they were sent."""
        return (frame for queue in self._frames.values() for frame in queue)

    def keep(self, relay: Relay, session: Session, mailbox: Mailbox, now_s: float) -> list[Effect] | None:
        """Keep a frame for a peer that cannot be reached. Returns None if the limits do not allow this."""
        assert relay.to is not None
        frame = KeptFrame(
            room=session.room.key,
            receiver=relay.to,
            sender=session.peer,
            kind=relay.kind,
            payload=relay.payload,
            session=session,
            at_s=now_s,
            ref=relay.ref or UNSET,
        )
        queue = self._frames.get((frame.room, frame.receiver), deque())
        of_receiver_bytes = sum(kept.size for kept in queue) + frame.size
        of_dialect_bytes = self._kept_bytes.get(frame.room.dialect, 0) + frame.size
        if (
            len(queue) >= mailbox.frames
            or of_receiver_bytes > mailbox.payload_bytes
            or of_dialect_bytes > mailbox.total_payload_bytes
        ):
            return None
        self.put_back(frame)
        self._start_deadline(frame, mailbox)
        remember(session, frame.receiver)
        return [records.of_relay(session, relay, "signal.kept")]

    def deliver(self, session: Session) -> list[Effect]:
        """Send a peer that is connected now the frames that were kept for it."""
        done: list[Effect] = []
        for frame in self.of(session.room.key, session.peer):
            if frame.payload is not None:
                self.remove(frame)
                for sender in frame.senders:
                    remember(sender, frame.receiver)
                message = messages.Relayed(
                    frame.sender, frame.kind, frame.payload, session.room.name, session.room.key.room
                )
                done += announce(_record("signal.relayed", frame, to_json(frame.payload)), [session], message)
        return done

    def put_back(self, frame: KeptFrame) -> None:
        """Keep a restored frame. The limits are not checked, because they were checked when the frame was sent."""
        self._frames.setdefault((frame.room, frame.receiver), deque()).append(frame)
        self._kept_bytes[frame.room.dialect] = self._kept_bytes.get(frame.room.dialect, 0) + frame.size

    def of(self, room: RoomKey, receiver: str) -> list[KeptFrame]:
        """Return the frames that are kept for a peer, in the order in which they were sent."""
        return list(self._frames.get((room, receiver), ()))

    def callers(self, session: Session) -> list[Session | None]:
        """Return the sessions whose frames are kept for the peer of `session`."""
        return [frame.session for frame in self.of(session.room.key, session.peer)]

    def remove(self, frame: KeptFrame) -> None:
        """Stop keeping a frame, because it was delivered or has expired."""
        queue = self._frames[frame.room, frame.receiver]
        queue.remove(frame)
        if not queue:
            del self._frames[frame.room, frame.receiver]
        self._kept_bytes[frame.room.dialect] -= frame.size

    def start_deadlines(self, rules: Mapping[str, RoomRules]) -> None:
        """Start the deadline of each restored frame. The keys of `rules` are the names of the dialects."""
        for frame in sorted(self, key=lambda frame: frame.at_s):
            mailbox = rules[frame.room.dialect].relays.mailbox
            assert mailbox is not None  # frames are restored only for dialects with a mailbox
            self._start_deadline(frame, mailbox)

    def _start_deadline(self, frame: KeptFrame, mailbox: Mailbox) -> None:
        self._deadlines.at(frame.at_s + mailbox.keep_s, partial(self._expire, frame, mailbox))

    def _expire(self, frame: KeptFrame, mailbox: Mailbox, now_s: float) -> list[Effect]:
        queue = self.of(frame.room, frame.receiver)
        if frame not in queue:
            return []
        away = frame.session.away if frame.session is not None else None
        if away is not None:  # the sender cannot be told now, so the frame expires later, or with the sender's session
            self._deadlines.at(min(now_s + mailbox.keep_s, away.until_s), partial(self._expire, frame, mailbox))
            return []
        self.remove(frame)
        expired = messages.Expired(frame.receiver, frame.room.room, frame.ref, frame.sender)
        done = announce(_record("signal.expired", frame), frame.senders, expired)
        if mailbox.expire_together:
            for other in queue:
                if other is not frame and (other.sender, other.session) == (frame.sender, frame.session):
                    self.remove(other)
                    done.append(_record("signal.expired", other))
        return done


def _record(type_: str, frame: KeptFrame, data: bytes | None = None) -> Record:
    """Create a record about a kept frame. The record names the sender's session and connection only if the sender is
    still in the room."""
    sender = frame.senders[0] if frame.senders else None
    return Record(
        type_,
        frame.room.dialect,
        frame.room.room,
        frame.sender,
        frame.receiver,
        sender.connection if sender is not None else None,
        sender.id if sender is not None else None,
        frame.kind,
        frame.size,
        data,
    )
