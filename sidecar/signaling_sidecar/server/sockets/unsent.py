"""Decides when the frames in the outboxes are sent.

1. Frames are sent at the end of their tick, after its records were written (`tick.py`).
2. Only announcements to many receivers are delayed, so that several are sent with one write. Otherwise, when many peers
   join at once, each join would cost a write to every peer in the room.
3. A delayed announcement is sent earlier if another frame is sent to the same connection, so that the order of the
   frames does not change.
"""

from __future__ import annotations

import asyncio

from signaling_sidecar.hub.messages import PeerJoined, PeerLeft, PeerUpdated
from signaling_sidecar.server.sockets.connection import Connection
from signaling_sidecar.server.tick import Tick

CROWD = 16  # the least number of receivers for which an announcement is delayed
DELAY_PER_RECEIVER_S = 40e-6  # seconds of delay for each receiver; the write to a receiver takes about an eighth of it
MAX_DELAY_S = 0.02  # seconds; the longest delay, which users do not notice when somebody joins a large room

ANNOUNCEMENTS = frozenset((PeerJoined, PeerLeft, PeerUpdated))
"""The types of the messages that may be delayed if they have at least `CROWD` receivers."""


class Unsent:
    """Must be created in a running event loop."""

    def __init__(self, tick: Tick) -> None:
        self._tick = tick
        self._loop = asyncio.get_running_loop()
        self.frames = 0
        """The number of frames that were put into outboxes, since the start."""
        self._due: list[Connection] = []
        """The connections whose outboxes must be sent at the end of this tick."""
        self._delayed: list[Connection] = []
        """The connections with delayed announcements. Some outboxes may be empty, because any other frame to the same
        connection is sent together with the announcements."""
        self._delay: asyncio.TimerHandle | None = None

    def put(self, connection: Connection, frame: bytes) -> None:
        """Put a frame into the outbox of a connection, to be sent at the end of the tick."""
        self.frames += 1
        outbox = connection.outbox
        outbox.put(frame)
        if not outbox.is_due:
            outbox.is_due = True
            self._due.append(connection)

    def put_announcement(self, connection: Connection, frame: bytes) -> None:
        """Put a frame that may be delayed into the outbox of a connection."""
        if connection.outbox.is_empty:
            self._delayed.append(connection)
        self.frames += 1
        connection.outbox.put(frame)

    def flush(self) -> None:
        """Send all frames in those outboxes that contain a frame which must not be delayed. `Tick` calls this."""
        due, self._due = self._due, []
        for connection in due:
            if not connection.outbox.flush():
                connection.abort("slow reader")
        if self._delayed and self._delay is None:
            delay_s = min(len(self._delayed) * DELAY_PER_RECEIVER_S, MAX_DELAY_S)
            self._delay = self._loop.call_later(delay_s, self._end_delay)

    def _end_delay(self) -> None:
        self._delay = None
        self._due += self._delayed
        self._delayed.clear()
        self._tick.end()
