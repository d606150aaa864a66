"""What a session is promised that asked to be resumable: its token, the numbers of its frames, and what is kept for it.

1. A token is known by its SHA-256 only. At most two are good: the last that was proven, and the last that was issued.
2. Frames to the session are numbered from 1 without a hole, whether it is connected or not.
3. `kept` holds the last numbers up to `sent`, without a hole, but for those that were acknowledged.
4. `reached` is at most `sent`: what is numbered for a peer that is away has not reached it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple, assert_never

from msgspec import UNSET

from signaling_sidecar.hub.effects import (
    Expired,
    JsonText,
    Mark,
    Notice,
    Numbered,
    PeerJoined,
    PeerLeft,
    PeerUpdated,
    Refused,
    Relayed,
)

MAX_KEPT_FRAMES = 256  # PROTOCOLS.md, "Resuming a session"; a client that misses more gets a list
MAX_KEPT_BYTES = 262_144  # bytes of payload, besides the newest frame's; PROTOCOLS.md, "Resuming a session"
FRAME_BYTES = 200  # what a notice takes on the wire, about, besides what its sender put into it


class Kept(NamedTuple):
    s: int
    message: Numbered
    size: int


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass(slots=True, eq=False)
class Resumption:
    issued: str
    proven: str | None = None
    answered: bool = False
    """Whether it has sent a frame since it was last given a token: then it has that one."""
    sent: int = 0
    handled: int = 0
    """The last of the client's own numbers that was carried out, or refused."""
    reached: int = 0
    """The last number that a connection was given: the client cannot have handled a later one."""
    owes_ack: bool = False
    kept: deque[Kept] = field(default_factory=deque)
    _kept_bytes: int = 0

    def knows(self, hashed: str) -> bool:
        issued = hmac.compare_digest(hashed, self.issued)
        return hmac.compare_digest(hashed, self.proven or "") or issued  # both are compared, whichever matches

    def issue(self, hashed: str, proven: str | None) -> None:
        """Give a new token, to a client that has proven the other."""
        self.issued, self.proven, self.answered = hashed, proven, False

    def heard(self) -> None:
        """The client has sent something: it has the token that was issued last, and the one before is retired."""
        if not self.answered:
            self.answered, self.proven = True, self.issued

    def keep(self, message: Numbered) -> Mark:
        """Number a message, and keep it until it is acknowledged or there are too many."""
        self.sent += 1
        self.put_back(Kept(self.sent, message, size_of(message)))
        return Mark(self.sent, self.take_ack())

    def put_back(self, kept: Kept) -> None:
        self.kept.append(kept)
        self._kept_bytes += kept.size
        # The newest does not count: a frame may be as large as all that is kept, and is no reason to forget the others.
        while len(self.kept) > MAX_KEPT_FRAMES or self._kept_bytes - kept.size > MAX_KEPT_BYTES:
            self._drop_first()

    def acknowledged(self, a: int) -> None:
        """Everything up to `a` has arrived; more than was sent cannot have."""
        while self.kept and self.kept[0].s <= a:
            self._drop_first()

    def take_ack(self) -> int | None:
        """What the client is to be told that it has been handled; None when it knows."""
        owed, self.owes_ack = self.owes_ack, False
        return self.handled if owed else None

    def after(self, s: int) -> list[Kept] | None:
        """What was sent after `s`; None when that is not all kept, or `s` never reached the client.

        A client that says it has such a number has it from a process that could not write the log and is gone.
        """
        first = self.kept[0].s if self.kept else self.sent + 1
        if not first - 1 <= s <= self.reached:
            return None
        return [kept for kept in self.kept if kept.s > s]

    def forget_kept(self) -> None:
        self.kept.clear()
        self._kept_bytes = 0

    def _drop_first(self) -> None:
        self._kept_bytes -= self.kept.popleft().size


def size_of(message: Numbered) -> int:
    """About how many bytes the message takes on the wire."""
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
