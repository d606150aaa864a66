"""Keeps the state of one open WebSocket: its heartbeat, its challenges, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

import msgspec

from signaling_sidecar.dialects import Caller, Dialect
from signaling_sidecar.hub.rules import Ending
from signaling_sidecar.hub.views import Limits
from signaling_sidecar.server.authorisation.access import Access
from signaling_sidecar.server.sockets import frames
from signaling_sidecar.server.sockets.frame_rate import FrameRate
from signaling_sidecar.server.sockets.outbox import Outbox

PING_EVERY_S = 15.0  # seconds; PROTOCOLS.md, "Rule 7"; NATs and proxies forget a flow that is idle for 30 s
PONG_WITHIN_S = 10.0  # seconds; PROTOCOLS.md, "Rule 7"; a phone that changes networks needs a few seconds
FIRST_FRAME_WITHIN_S = 40.0  # seconds; PROTOCOLS.md, "Rule 7"
CLOSE_WITHIN_S = 2.0  # seconds; if the peer has not answered our Close by then, the connection is aborted
STOP_WITHIN_S = 0.5  # replaces CLOSE_WITHIN_S when the sidecar stops, because a restart waits for the slowest peer
MAX_OUTBOX_TIMES = 32.0
"""The outbox of a client in many topics may be up to this many times as large as usual: 16 MiB by default. A thousand
frames of 8 KB may be sent to such a client while its page is busy. The factor is not larger, because a page that reads
nothing may fill its outbox until its pong is late (see also `unread_total.py`)."""
PING_FRAME = frames.frame(frames.PING, b"")
CHALLENGE = b"challenge"
CHALLENGE_FRAME = frames.frame(frames.PING, CHALLENGE)  # a pong with this payload answers the challenge


class End(NamedTuple):
    """How a connection ended. `code` is the close code that was sent or received, or None without a Close frame."""

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


class CloseConnection(Protocol):
    def __call__(self, connection: Connection, code: int, reason: str) -> None: ...


class Connection:
    """One open WebSocket. Must be created after the handshake, in a running event loop.

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
        """The IP address of the client, or None behind a proxy that cannot be trusted."""
        self.speaker: Speaker | None = None
        """The dialect and the client. On the shared path it is None until the first frame has shown the dialect."""
        self.waits = False
        """Whether the handshake has put the client into a queue in which it still waits for a room."""
        self.was_heard = False
        """Whether the client has sent a frame."""
        self.is_welcome = False
        """Whether the client was greeted, or told that it is in a room. The connection of such a client is not closed
        as idle."""
        self.recognise: Callable[[bytes], Speaker | None] | None = None
        self.access: Access | None = None
        """The access tokens of the client. None if the sidecar requires no tokens."""
        self.expiry: asyncio.TimerHandle | None = None
        """The timer that closes the connection when its tokens have expired."""
        self.rest: asyncio.TimerHandle | None = None
        """The timer after which the refused frames that were not reported yet are recorded."""
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
        """Must be called when the client has sent a frame, so that the connection is not closed as idle."""
        self.was_heard = True
        self._idle.cancel()

    def speaks(self, speaker: Speaker) -> None:
        """Set the dialect of the connection, which also decides how many frames the client may send and leave
        unread."""
        self.speaker, self.recognise = speaker, None
        self.rate.start_with(speaker.dialect.frame_budget.times)
        self.outbox.times = min(self.rate.times, MAX_OUTBOX_TIMES)

    def count_room(self, room: str, *, is_in: bool) -> None:
        """Must be called when the connection has entered or left a room, because the allowed number of frames may
        depend on the number of rooms."""
        if self.access is not None:
            self.access.count_room(room, is_in=is_in)
        if self.speaker is not None and self.speaker.dialect.frame_budget.per_room:
            (self._rooms.add if is_in else self._rooms.discard)(room)
            self.rate.times = self.speaker.dialect.frame_budget.times * max(1, len(self._rooms))
            self.outbox.times = min(self.rate.times, MAX_OUTBOX_TIMES)

    @property
    def limits(self) -> Limits:
        """The current limits for the frames that the client may send."""
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
        """Must be used around code during which nothing is read from the connection. A missing pong does not abort the
        connection in this time, because the pong may have arrived without being read."""
        self._reading = False
        try:
            yield
        finally:
            self._reading = True
            if self._asked and self.end is None:
                self._expect_pong()

    def challenge(self) -> None:
        """Send a ping now. Its pong will prove that the client is alive."""
        self._challenged = True
        self._put(self, CHALLENGE_FRAME)

    def close(self, code: int, reason: str, ending: Ending = Ending.LOST) -> None:
        """Send a Close after the frames in the outbox. Frames that arrive later are not handled."""
        if self.end is not None:
            return
        self.end = End(ending, "sidecar", code, reason)
        self._put(self, frames.close_frame(code, reason))
        self.cancel_expiry()
        self._idle.cancel()
        self._timer.cancel()
        within_s = STOP_WITHIN_S if ending is Ending.STOPPED else CLOSE_WITHIN_S
        self._timer = self._loop.call_later(within_s, self.outbox.transport.abort)

    def abort(self, reason: str) -> None:
        """Abort the connection without a Close, because the peer does not respond."""
        if self.end is None:
            self.end = End(Ending.LOST, "sidecar", None, reason)
        self.outbox.transport.abort()

    def release(self) -> None:
        """Cancel all timers, because the reader has stopped."""
        self._timer.cancel()
        self._idle.cancel()
        self.cancel_expiry()
        if self.rest is not None:
            self.rest.cancel()

    def cancel_expiry(self) -> None:
        if self.expiry is not None:
            self.expiry.cancel()
            self.expiry = None

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
    """Return how the connection ended, by the code of the peer's Close (PROTOCOLS.md, "Rule 8"). For a Close without a
    code, `code` is 0."""
    ending = {0: Ending.CLOSED, 1000: Ending.CLOSED, 1001: Ending.UNLOADED}.get(code, Ending.LOST)
    return End(ending, "peer", code, reason)
