"""Stores the tokens, numbers and frames that are needed to resume a session, if its client has asked for this.

1. A token is stored only as its SHA-256. At most two tokens are valid: the last one that the client has used, and the
   last one that was issued.
2. The frames to the client are numbered from 1 without a gap, whether the client is connected or not.
3. `kept` contains the frames with the last numbers up to `sent`, without a gap, except those that were acknowledged.
4. `reached` is at most `sent`: frames that are numbered while the peer is away were not sent to a connection.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import NamedTuple, assert_never

from msgspec import UNSET

from signaling_sidecar.hub.effects import Mark
from signaling_sidecar.hub.messages import (
    Expired,
    Notice,
    Numbered,
    PeerJoined,
    PeerLeft,
    PeerUpdated,
    Refused,
    Relayed,
)
from signaling_sidecar.hub.views import JsonText

MAX_KEPT_FRAMES = 256  # PROTOCOLS.md, "Resuming a session"; a client that misses more gets a list of peers instead
MAX_KEPT_BYTES = 262_144  # bytes of payloads, the newest frame not counted; PROTOCOLS.md, "Resuming a session"
RECORD_ACK_BYTES = 8_192  # bytes; for each session, a restart may restore this much of what was acknowledged already
FRAME_BYTES = 200  # approximate size in bytes of a message on the wire, without the parts that a client chooses


class Kept(NamedTuple):
    """A frame that the client has not acknowledged."""

    s: int
    """The number of the frame."""
    message: Numbered
    size: int


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass(slots=True, eq=False)
class Resumption:
    issued: str
    """The hash of the token that was issued last."""
    proven: str | None = None
    """The hash of the last token that the client certainly has. None if it may have received no token yet."""
    sent: int = 0
    handled: int = 0
    """The number of the last frame from the client that was carried out or refused."""
    reached: int = 0
    """The number of the last frame that was sent to a connection. The client cannot have received a later one."""
    owes_ack: bool = False
    """Whether the current value of `handled` must still be sent to the client."""
    kept: list[Kept] = field(default_factory=list)  # no deque: most are empty, and an empty deque takes 600 bytes
    _kept_bytes: int = 0
    _unrecorded_bytes: int = 0
    """The size of the frames that were acknowledged since the last acknowledgement in the log."""

    def knows(self, hashed: str) -> bool:
        """Whether `hashed` is the hash of a valid token."""
        issued = hmac.compare_digest(hashed, self.issued)
        proven = hmac.compare_digest(hashed, self.proven or "")
        return issued or proven  # both hashes are always compared, so that the time does not reveal which matches

    def issue(self, hashed: str, proven: str | None) -> None:
        """Replace the issued token by a new one. `proven` is the hash of the last token that the client certainly
        has."""
        self.issued, self.proven = hashed, proven

    def heard(self) -> None:
        """Must be called when a frame shows that the client has received the token that was issued last. All other
        tokens then become invalid."""
        self.proven = self.issued

    def keep(self, message: Numbered) -> Mark:
        """Give a message the next number, and keep it until the client acknowledges it, or until newer frames exceed
        the limits."""
        self.sent += 1
        self.put_back(Kept(self.sent, message, size_of(message)))
        return Mark(self.sent, self.take_ack())

    def put_back(self, kept: Kept) -> None:
        """Keep a frame that already has a number."""
        self.kept.append(kept)
        self._kept_bytes += kept.size
        # The newest frame is not counted. This frame alone may be as large as the limit, and then no other frame
        # would be kept.
        while len(self.kept) > MAX_KEPT_FRAMES or self._kept_bytes - kept.size > MAX_KEPT_BYTES:
            self._drop_first()

    def acknowledged(self, a: int) -> None:
        """Drop the kept frames up to number `a`, because the client has handled them. If `a` is higher than `sent`, all
        are dropped."""
        while self.kept and self.kept[0].s <= a:
            self._unrecorded_bytes += self._drop_first()

    def take_unrecorded(self) -> bool:
        """Whether the caller must record an acknowledgement now, because `RECORD_ACK_BYTES` were acknowledged since the
        last record.

        Not every acknowledgement is recorded, because this would make the log longer, and only a restart needs it.
        """
        is_due = self._unrecorded_bytes >= RECORD_ACK_BYTES
        if is_due:
            self._unrecorded_bytes = 0
        return is_due

    def take_ack(self) -> int | None:
        """Return the number up to which the caller must acknowledge the client's frames now. None if the client has
        been told this number already."""
        owed, self.owes_ack = self.owes_ack, False
        return self.handled if owed else None

    def after(self, s: int) -> list[Kept] | None:
        """Return the frames after number `s`, or None if not all of them are kept, or `s` is higher than `reached`.

        A client may name a number that this process has not used, if an earlier process has used it while the log could
        not be written.
        """
        first = self.kept[0].s if self.kept else self.sent + 1
        if not first - 1 <= s <= self.reached:
            return None
        return [kept for kept in self.kept if kept.s > s]

    def forget_kept(self) -> None:
        self.kept.clear()
        self._kept_bytes = 0

    def _drop_first(self) -> int:
        size = self.kept.pop(0).size
        self._kept_bytes -= size
        return size


def size_of(message: Numbered) -> int:
    """Estimate the size of the message on the wire, in bytes."""
    match message:
        case Relayed():
            return len(message.payload)
        case PeerJoined():
            return FRAME_BYTES + _bytes(message.peer.metadata)
        case PeerUpdated():
            return FRAME_BYTES + _bytes(message.metadata)
        case PeerLeft() | Notice() | Expired() | Refused():
            return FRAME_BYTES
        case _:
            assert_never(message)


def _bytes(text: JsonText) -> int:
    return 0 if text is UNSET else len(bytes(text))
