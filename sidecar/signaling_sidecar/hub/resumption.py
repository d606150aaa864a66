"""Resumption: what the hub keeps for a session whose client asked to be able to resume it.

1. Only the SHA-256 of a token is kept. At most two tokens are valid: the last one that the client has used, and the
   last one that was issued.
2. The frames to the session are numbered from 1 without a hole, whether it is connected or not.
3. `kept` holds the frames with the last numbers up to `sent`, without a hole, except those that were acknowledged.
4. `reached` is at most `sent`: a frame that is numbered while the peer is away has not reached it.
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

MAX_KEPT_FRAMES = 256  # PROTOCOLS.md, "Resuming a session"; a client that misses more gets a list
MAX_KEPT_BYTES = 262_144  # bytes of payload, besides the newest frame's; PROTOCOLS.md, "Resuming a session"
RECORD_ACK_BYTES = 8_192  # bytes; a restart reads at most as much more for each session than the session still needs
FRAME_BYTES = 200  # approximate size in bytes of a message on the wire, without the data that its sender chose


class Kept(NamedTuple):
    """A frame that the client has not acknowledged."""

    s: int
    """Its number."""
    message: Numbered
    size: int


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass(slots=True, eq=False)
class Resumption:
    issued: str
    """The hash of the token that was issued last."""
    proven: str | None = None
    """The hash of the last token that the client is known to have, or None if it may have received none."""
    sent: int = 0
    handled: int = 0
    """The last number of the client's own frames that was carried out or refused."""
    reached: int = 0
    """The last number that was sent to a connection. The client cannot have received a higher number."""
    owes_ack: bool = False
    """Whether the client has not been told the current value of `handled` yet."""
    kept: list[Kept] = field(default_factory=list)  # an empty deque would take 600 bytes, and most are empty
    _kept_bytes: int = 0
    _unrecorded_bytes: int = 0
    """The size of the frames that were acknowledged since the log was last told so."""

    def knows(self, hashed: str) -> bool:
        """Whether this is the hash of a valid token."""
        issued = hmac.compare_digest(hashed, self.issued)
        proven = hmac.compare_digest(hashed, self.proven or "")
        return issued or proven  # both are compared first, so that the time does not tell which of them matches

    def issue(self, hashed: str, proven: str | None) -> None:
        """Replace the issued token by a new one. `proven` is the hash of the token that the client has used."""
        self.issued, self.proven = hashed, proven

    def heard(self) -> None:
        """Must be called when the client has sent a frame after a token was issued. It has then received that token, so
        all other tokens become invalid."""
        self.proven = self.issued

    def keep(self, message: Numbered) -> Mark:
        """Number a message, and keep it until it is acknowledged or too much is kept."""
        self.sent += 1
        self.put_back(Kept(self.sent, message, size_of(message)))
        return Mark(self.sent, self.take_ack())

    def put_back(self, kept: Kept) -> None:
        """Keep a frame that has its number already."""
        self.kept.append(kept)
        self._kept_bytes += kept.size
        # The newest frame does not count: it may be as large as the limit, and the others must not be dropped for it.
        while len(self.kept) > MAX_KEPT_FRAMES or self._kept_bytes - kept.size > MAX_KEPT_BYTES:
            self._drop_first()

    def acknowledged(self, a: int) -> None:
        """Drop the frames up to number `a`, which the client has handled. A number that was never sent drops all."""
        while self.kept and self.kept[0].s <= a:
            self._unrecorded_bytes += self._drop_first()

    def take_unrecorded(self) -> bool:
        """Whether the client has acknowledged so many bytes that this should be recorded. The caller must then do so.

        It is not recorded for each frame, because only a restart needs it, and the log would be longer.
        """
        is_due = self._unrecorded_bytes >= RECORD_ACK_BYTES
        if is_due:
            self._unrecorded_bytes = 0
        return is_due

    def take_ack(self) -> int | None:
        """Return the number of the last handled frame, which the caller must acknowledge, or None if it did before."""
        owed, self.owes_ack = self.owes_ack, False
        return self.handled if owed else None

    def after(self, s: int) -> list[Kept] | None:
        """Return the frames after number `s`, or None when they are not all kept or `s` never reached the client.

        A client can have a number that this process has not sent: from an earlier process that ended while it could not
        write the log.
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
