"""The state of one open WebSocket: its heartbeat, its challenges, and how it ends."""

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
CLOSE_WITHIN_S = 2.0  # seconds for the peer to read what was sent and to answer our Close, before it is aborted
STOP_WITHIN_S = 0.5  # seconds for the same when the sidecar stops, because a restart waits for the slowest peer
PING_FRAME = frames.frame(frames.PING, b"")
CHALLENGE = b"challenge"
CHALLENGE_FRAME = frames.frame(frames.PING, CHALLENGE)  # its payload tells its pong from a late one of the heartbeat


class End(NamedTuple):
    """How a connection ended. `code` is the close code that was sent or received. None without a Close frame."""

    ending: Ending
    by: str
    """`peer` or `sidecar`."""
    code: int | None
    reason: str


class Speaker(NamedTuple):
    """The dialect of a connection, and its client."""

    dialect: Dialect
    caller: Caller


LOST = End(Ending.LOST, "peer", None, "lost")


class Connection:
    """One open WebSocket. Made after the handshake, in a running loop.

    `put` must send a frame to the connection at the end of the tick. `on_idle` is called when the client has sent
    nothing for `FIRST_FRAME_WITHIN_S`.
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
        """The IP address of the client. None behind a proxy that we cannot trust."""
        self.speaker: Speaker | None = None
        """None until the first frame has shown the dialect, on the shared path."""
        self.waits = False
        """Whether the handshake asked for a group that is not complete yet."""
        self.is_welcome = False
        """Whether the client was greeted, or told that it is in a room. It need not send anything then."""
        self.recognise: Callable[[bytes], Speaker | None] | None = None
        self.outbox = outbox
        self.rate = rate
        self.end: End | None = None
        """Set when the sidecar ends the connection. A close code that is received later is ignored."""
        self._put = put
        self._loop = asyncio.get_running_loop()
        self._asked = False
        """Whether the pong of the heartbeat has yet to arrive."""
        self._challenged = False
        """Whether the pong of a challenge has yet to arrive."""
        self._reading = True
        self._timer = self._loop.call_later(PING_EVERY_S, self._ping)
        self._idle = self._loop.call_later(FIRST_FRAME_WITHIN_S, on_idle, self)

    def heard(self) -> None:
        """The client has sent a frame, so that the connection is not idle."""
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
        """Whether a ping was sent whose pong has yet to arrive."""
        return self._asked or self._challenged

    def pong(self, data: bytes) -> None:
        self._asked = False
        self._challenged = self._challenged and data != CHALLENGE
        self._timer.cancel()
        self._timer = self._loop.call_later(PING_EVERY_S, self._ping)

    @contextmanager
    def unread(self) -> Iterator[None]:
        """In the block, nothing is read. The time does not count for a pong, which may have arrived already."""
        self._reading = False
        try:
            yield
        finally:
            self._reading = True
            if self._asked and self.end is None:
                self._expect_pong()

    def challenge(self) -> None:
        """Send a ping now, whose pong shows that the client is alive."""
        self._challenged = True
        self._put(self, CHALLENGE_FRAME)

    def close(self, code: int, reason: str, ending: Ending = Ending.LOST) -> None:
        """Send a Close after everything that is in the outbox. Frames that arrive later are not handled."""
        if self.end is not None:
            return
        self.end = End(ending, "sidecar", code, reason)
        self._put(self, frames.close_frame(code, reason))
        self._idle.cancel()
        self._timer.cancel()
        within_s = STOP_WITHIN_S if ending is Ending.STOPPED else CLOSE_WITHIN_S
        self._timer = self._loop.call_later(within_s, self.outbox.transport.abort)

    def abort(self, reason: str) -> None:
        """Abort the connection of a peer that does not answer, and that would not answer a Close either."""
        if self.end is None:
            self.end = End(Ending.LOST, "sidecar", None, reason)
        self.outbox.transport.abort()

    def release(self) -> None:
        """Cancel all timers, because the reader has stopped."""
        self._timer.cancel()
        self._idle.cancel()

    def hang_up(self) -> None:
        """Close the socket when the peer has read everything, or after `CLOSE_WITHIN_S`."""
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
