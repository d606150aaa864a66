"""One WebSocket: its reader, its heartbeat, and how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import msgspec

from signaling_sidecar.dialects import Caller, Dialect
from signaling_sidecar.hub.effects import Limits
from signaling_sidecar.hub.rules import Ending
from signaling_sidecar.server.sockets import frames
from signaling_sidecar.server.sockets.frame_rate import FrameRate
from signaling_sidecar.server.sockets.outbox import Outbox

PING_EVERY_S = 15.0  # seconds; PROTOCOLS.md, "Rule 7"; NATs and proxies forget a flow that is idle for 30 s
PONG_WITHIN_S = 10.0  # seconds; PROTOCOLS.md, "Rule 7"; a phone that changes networks needs a few
FIRST_FRAME_WITHIN_S = 40.0  # seconds; PROTOCOLS.md, "Rule 7"
CLOSE_WITHIN_S = (
    2.0  # seconds for the peer's own Close after ours, and for what it has not read yet; then it is aborted
)
STOP_WITHIN_S = 0.5  # seconds for the same when the sidecar stops: everybody waits for the slowest to come back
PING_FRAME = frames.frame(frames.PING, b"")
CHALLENGE = b"challenge"
CHALLENGE_FRAME = frames.frame(frames.PING, CHALLENGE)  # its pong is no late answer to an earlier ping


class End(NamedTuple):
    """How a connection ended. `code` is what was on the wire; None when nothing was."""

    ending: Ending
    by: str
    """`peer` or `sidecar`."""
    code: int | None
    reason: str


class Speaker(NamedTuple):
    """What is spoken on a connection, and by whom."""

    dialect: Dialect
    caller: Caller


LOST = End(Ending.LOST, "peer", None, "lost")


class Connection:
    """One open WebSocket. Made after the handshake, in a running loop.

    `put` is called with the connection and a frame that is to be sent at the end of the tick.
    """

    def __init__(
        self,
        id_: int,
        outbox: Outbox,
        rate: FrameRate,
        on_idle: Callable[[Connection], None],
        limits: Limits,
        put: Callable[[Connection, bytes], None],
        address: str | None = None,
    ) -> None:
        self.id = id_
        self._limits = limits
        self._rooms: set[str] = set()
        self.address = address
        """The client's; None behind a proxy that is not known."""
        self.speaker: Speaker | None = None
        """None until the first frame has told it, on the shared path."""
        self.waits = False
        """Whether the handshake asked for a group that is not complete yet."""
        self.is_welcome = False
        """Whether the client was greeted, or told that it is in a room. It need not send anything then."""
        self.recognise: Callable[[bytes], Speaker | None] | None = None
        self.outbox = outbox
        self.rate = rate
        self.end: End | None = None
        """Set by the sidecar when it ends the connection: a close code read later says nothing about the peer."""
        self._put = put
        self._loop = asyncio.get_running_loop()
        self._asked = False
        """Whether the heartbeat's pong is outstanding."""
        self._challenged = False
        """Whether a challenge's is."""
        self._reading = True
        self._timer = self._loop.call_later(PING_EVERY_S, self._ping)
        self._idle = self._loop.call_later(FIRST_FRAME_WITHIN_S, on_idle, self)

    def heard(self) -> None:
        """A first frame has come: the peer is no idle one."""
        self._idle.cancel()

    def speaks(self, speaker: Speaker) -> None:
        """The dialect is known from now on, and with it how many frames the client may send."""
        self.speaker = speaker
        self.rate.start_with(speaker.dialect.frame_budget.times)

    def count_room(self, room: str, *, is_in: bool) -> None:
        """Note that the connection is in a room, or not any more, if the number of frames depends on that."""
        if self.speaker is not None and self.speaker.dialect.frame_budget.per_room:
            (self._rooms.add if is_in else self._rooms.discard)(room)
            self.rate.times = self.speaker.dialect.frame_budget.times * max(1, len(self._rooms))

    @property
    def limits(self) -> Limits:
        """The limits for its frames now."""
        times = self.rate.times
        if times == 1:
            return self._limits
        per_s, burst = round(self._limits.frames_per_s * times), round(self._limits.burst * times)
        return msgspec.structs.replace(self._limits, frames_per_s=per_s, burst=burst)

    @property
    def owes_pong(self) -> bool:
        """Whether it was asked for a sign of life, and has not given one."""
        return self._asked or self._challenged

    def pong(self, data: bytes) -> None:
        self._asked = False
        self._challenged = self._challenged and data != CHALLENGE
        self._timer.cancel()
        self._timer = self._loop.call_later(PING_EVERY_S, self._ping)

    @contextmanager
    def unread(self) -> Iterator[None]:
        """Within it nothing is read, and the time does not count for a pong that may have come already."""
        self._reading = False
        try:
            yield
        finally:
            self._reading = True
            if self._asked and self.end is None:
                self._expect_pong()

    def challenge(self) -> None:
        """Ask for a sign of life now."""
        self._challenged = True
        self._put(self, CHALLENGE_FRAME)

    def close(self, code: int, reason: str, ending: Ending = Ending.LOST) -> None:
        """Say goodbye after all that is in the outbox. Nothing that comes is handled any more."""
        if self.end is not None:
            return
        self.end = End(ending, "sidecar", code, reason)
        self._put(self, frames.close_frame(code, reason))
        self._idle.cancel()
        self._timer.cancel()
        within_s = STOP_WITHIN_S if ending is Ending.STOPPED else CLOSE_WITHIN_S
        self._timer = self._loop.call_later(within_s, self.outbox.transport.abort)

    def abort(self, reason: str) -> None:
        """Drop a peer that does not answer. Its close handshake would wait for it as well."""
        if self.end is None:
            self.end = End(Ending.LOST, "sidecar", None, reason)
        self.outbox.transport.abort()

    def release(self) -> None:
        """The reader is done: no timer outlives it."""
        self._timer.cancel()
        self._idle.cancel()

    def hang_up(self) -> None:
        """Close the socket, when the peer has read what it was sent; it has not forever to do that."""
        self.outbox.transport.close()
        if self.outbox.has_backlog:
            self._loop.call_later(CLOSE_WITHIN_S, self.outbox.transport.abort)

    def _ping(self) -> None:
        self._put(self, PING_FRAME)
        self._asked = True
        self._expect_pong()

    def _expect_pong(self) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_later(PONG_WITHIN_S, self._no_pong)

    def _no_pong(self) -> None:
        if self._reading:
            self.abort("no pong")


def ended_by_peer(code: int, reason: str) -> End:
    """What the peer's Close means (PROTOCOLS.md, "Rule 8"). An empty one has the code 0 here."""
    ending = {0: Ending.CLOSED, 1000: Ending.CLOSED, 1001: Ending.UNLOADED}.get(code, Ending.LOST)
    return End(ending, "peer", code, reason)
