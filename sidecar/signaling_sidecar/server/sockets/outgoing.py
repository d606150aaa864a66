"""Encodes messages for connections, puts them into the outboxes, and sends them at the end of the tick.

1. A connection gets its messages and frames in the order in which `send` and `put` were called.
2. Nothing is sent before the records of the tick are in the event log (`tick.py`). Some frames wait for longer
   (`unsent.py`).
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from signaling_sidecar.dialects import Dialect
from signaling_sidecar.hub.effects import Send
from signaling_sidecar.hub.messages import (
    Durability,
    LastWords,
    Message,
    NotResumed,
    PeerList,
    Refused,
    Relayed,
    Resumed,
    RoomsChanged,
    Welcome,
)
from signaling_sidecar.server.ice_servers import IceServers
from signaling_sidecar.server.sockets.connection import CloseConnection, Connection
from signaling_sidecar.server.sockets.foreign_frames import ForeignFrames
from signaling_sidecar.server.sockets.frames import message_frame
from signaling_sidecar.server.sockets.silent_refusals import SilentRefusals
from signaling_sidecar.server.sockets.unsent import ANNOUNCEMENTS, CROWD, Unsent
from signaling_sidecar.server.tick import Tick

NS_PER_MS = 1_000_000
PLAIN = ANNOUNCEMENTS | {Relayed}
"""The types of messages that do not change the state of a connection. They are by far the most frequent ones."""
logger = logging.getLogger("signaling_sidecar")


class Outgoing:
    """`connections` are the open ones, by their ids. `close` is called after a message that must be the last one of a
    connection."""

    def __init__(
        self, tick: Tick, connections: Mapping[int, Connection], ice_servers: IceServers, close: CloseConnection
    ) -> None:
        self.ice_servers = ice_servers
        self._tick = tick
        self._connections = connections
        self._close = close
        self._unsent = Unsent(tick)
        self._plain: list[Send] = []
        """The messages of the types `PLAIN` in this tick that are not in the outboxes yet."""
        self.resumptions = Counter(dict.fromkeys(("resumed", "gap", "token"), 0))
        """How many attempts to resume a session have succeeded with all frames (`resumed`) or with lost frames (`gap`),
        or have failed because of an invalid resume token (`token`)."""
        self._silent_refusals = SilentRefusals()
        self._foreign_frames = ForeignFrames()

    @property
    def frames(self) -> int:
        """The number of frames that were put into outboxes since the start."""
        return self._unsent.frames

    def send(self, send: Send) -> None:
        if send.message.__class__ in PLAIN:
            self._plain.append(send)
        else:
            self.put_plain()
            self._put_message(send)

    def put(self, connection: Connection, frame: bytes) -> None:
        """Send a frame of the WebSocket protocol itself (a ping, a pong, a Close) at the end of the tick."""
        self.put_plain()
        self._unsent.put(connection, frame)
        self._tick.needs_end()

    def put_plain(self) -> None:
        """Put the messages of the types `PLAIN` into the outboxes. Must be called before a connection is removed.

        `send` collects these messages, because handling many of them together takes less time (see `Front.take`).
        """
        if not self._plain:
            return
        plain, self._plain = self._plain, []
        for send in plain:
            try:
                self._put_message(send)
            except Exception:
                logger.exception("a message to connection %d could not be encoded", send.connections[0])

    def flush(self) -> None:
        """Send the frames of this tick. `Tick` calls this."""
        self.put_plain()
        self._unsent.flush()

    def _put_message(self, send: Send) -> None:
        message, marks = send.message, send.marks
        is_plain = message.__class__ in PLAIN
        if not is_plain:
            message = self._noted(message, send.connections)
        is_crowd = len(send.connections) >= CROWD and message.__class__ in ANNOUNCEMENTS
        put = self._unsent.put_announcement if is_crowd else self._unsent.put
        text: bytes | tuple[bytes, ...] | None = None
        shared: bytes | None = None
        for id_ in send.connections:
            connection = self._connections.get(id_)
            if connection is None or connection.speaker is None:
                continue
            dialect = connection.speaker.dialect
            if text is None:
                text = dialect.encode(message, time.time_ns() // NS_PER_MS) or b""
            if marks is not None and (mark := marks.get(id_)) is not None:
                assert isinstance(text, bytes), "a numbered message is one frame"
                put(connection, message_frame(dialect.mark(text, mark)))
            elif text:
                shared = shared or message_frame(text)
                put(connection, shared)
            if not is_plain:
                self._sent(message, connection, dialect, is_silent=not text)

    def _noted(self, message: Message, receivers: tuple[int, ...]) -> Message:
        """Update the receivers' connections before a message is sent. Returns the message, with ICE servers and limits
        if it is a peer list."""
        if isinstance(message, Welcome | RoomsChanged):
            self._count_rooms(receivers, message)
        return self._completed(message, receivers[0]) if isinstance(message, PeerList) else message

    def _sent(self, message: Message, connection: Connection, dialect: Dialect, *, is_silent: bool) -> None:
        """Update a connection after a message was put into its outbox."""
        if isinstance(message, Durability) and not is_silent:
            # The message says whether the frames that this tick acknowledges survive a restart, so it is sent first.
            connection.outbox.hurry_last()
        if isinstance(message, Resumed | NotResumed):
            self.resumptions["resumed" if isinstance(message, Resumed) else message.why] += 1
        if isinstance(message, Refused):
            connection.waits = False
            if is_silent:
                self._silent_refusals.report(dialect.name, message.refusal)
            if not message.joined:
                self._foreign_frames.report(dialect, message.kind)
        if isinstance(message, LastWords) and (closing := dialect.closing(message)) is not None:
            self._close(connection, *closing)

    def _count_rooms(self, receivers: Iterable[int], message: Message) -> None:
        for connection in filter(None, map(self._connections.get, receivers)):
            connection.is_welcome = connection.is_welcome or isinstance(message, Welcome)
            if isinstance(message, RoomsChanged):
                connection.count_room(message.room, is_in=isinstance(message, Welcome))

    def _completed(self, list_: PeerList, receiver: int) -> PeerList:
        """Add to a peer list what the hub does not know: the ICE servers, and the limits for the frames that the
        receiver of the list may send."""
        connection = self._connections.get(receiver)
        return msgspec.structs.replace(
            list_,
            ice_servers=self.ice_servers.for_peer(list_.peer, time.time()),
            limits=connection.limits if connection is not None else None,
        )
