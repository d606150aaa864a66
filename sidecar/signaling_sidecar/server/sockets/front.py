"""The front: all WebSockets of this process. It reads their frames into commands, and writes messages as frames.

1. A connection gets its frames in the order in which the owner told them. When they are sent: `unsent.py`.
2. Nothing is sent before the event log has what the tick has caused (`tick.py`).
3. Nothing is put into the outbox of a connection after its end.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable

import msgspec

from signaling_sidecar import errors
from signaling_sidecar.dialects import Closing, Dialect
from signaling_sidecar.hub import Ending, commands
from signaling_sidecar.hub.commands import Command
from signaling_sidecar.hub.effects import (
    Challenge,
    Close,
    CloseCode,
    Durability,
    LastWords,
    Message,
    PeerList,
    Refused,
    Relayed,
    RoomsChanged,
    Send,
    Welcome,
)
from signaling_sidecar.hub.payloads import Binary
from signaling_sidecar.server.ice_servers import IceServers
from signaling_sidecar.server.sockets.connection import CHALLENGE, Connection, End
from signaling_sidecar.server.sockets.foreign_frames import ForeignFrames
from signaling_sidecar.server.sockets.frames import message_frame
from signaling_sidecar.server.sockets.silent_refusals import SilentRefusals
from signaling_sidecar.server.sockets.unsent import ANNOUNCEMENTS, CROWD, Unsent
from signaling_sidecar.server.tell import ConnectionEnded, ConnectionOpened, OwnerSide
from signaling_sidecar.server.tick import Tick

NS_PER_MS = 1_000_000
PLAIN = ANNOUNCEMENTS | {Relayed}
"""By far the most frequent messages, which do not change the state of a connection."""
logger = logging.getLogger("signaling_sidecar")


class Front:
    """`owner` must be set before the first connection is opened."""

    def __init__(self, tick: Tick, ice_servers: IceServers, max_frames_per_s: float) -> None:
        self.owner: OwnerSide
        self.ice_servers = ice_servers
        self.max_frames_per_s = max_frames_per_s
        self._tick = tick
        self._loop = asyncio.get_running_loop()
        self._connections: dict[int, Connection] = {}
        """The open connections, by their ids."""
        self._unsent = Unsent(tick)
        self._taken: list[tuple[Connection, bytes]] = []
        """The frames of this tick that have arrived and are not handled yet."""
        self._plain: list[Send] = []
        """The plain messages of this tick that are not in the outboxes yet."""
        self._silent_refusals = SilentRefusals()
        self._foreign_frames = ForeignFrames()

    def __len__(self) -> int:
        return len(self._connections)

    # --- what connections do -----------------------------------------------------------------------------------------

    def opened(self, connection: Connection, opened: ConnectionOpened) -> None:
        self._connections[connection.id] = connection
        self.owner.opened(opened)

    def refuse(self, connection: Connection) -> None:
        """Refuse a frame because the client sends too many, and report this from time to time."""
        connection.rate.refused()
        self._report_too_fast(connection, connection.rate.take_report(self._loop.time()))

    def recognise(self, connection: Connection, first_frame: bytes) -> bool:
        """Find the dialect of a connection on the shared path by its first frame. Returns False if no dialect begins
        with such a frame."""
        try:
            speaker = connection.recognise(first_frame) if connection.recognise is not None else None
        except Exception:
            logger.exception("the handshake of connection %d could not be read", connection.id)
            return False
        if speaker is None:
            return False
        connection.speaks(speaker)
        self.owner.recognised(connection.id, speaker.dialect)
        return True

    def begin(self, connection: Connection) -> Command | None:
        """Return the commands that the handshake requests, or None if there are none or the dialect is not known
        yet."""
        if connection.speaker is None:
            return None
        dialect, caller = connection.speaker
        try:
            command = dialect.begin(caller, time.time_ns() // NS_PER_MS)
        except Exception:
            logger.exception("the handshake of connection %d could not be read", connection.id)
            return commands.Refuse(connection=connection.id, refusal=errors.internal())
        asked = command.commands if isinstance(command, commands.Several) else (command,)
        connection.waits = any(isinstance(each, commands.Enqueue) for each in asked)
        return command

    def take(self, connection: Connection, frame: bytes) -> None:
        """Handle a frame at the end of this turn of the event loop, with all others that arrive in it.

        It takes less time to do the same step for many frames than to do all steps for each frame: the processor then
        has the code and the data in its fastest cache.
        """
        self._taken.append((connection, frame))
        self._tick.needs_end()

    def handle_taken(self) -> None:
        """Handle the frames that were taken, in their order. `Tick` calls this."""
        if not self._taken:
            return
        taken, self._taken = self._taken, []
        for connection, frame in taken:
            if connection.end is None:
                try:
                    self.owner.ask(self.read(connection, frame))
                except Exception:
                    logger.exception("a frame of connection %d could not be handled", connection.id)
                    connection.abort("internal error")

    def read(self, connection: Connection, frame: bytes) -> Command:
        """Decode a text frame into a command, or a binary frame when it is a `Binary`."""
        if not connection.was_heard:
            connection.heard()
        is_binary = frame.__class__ is Binary
        if connection.speaker is None and not is_binary:
            return commands.Refuse(connection=connection.id, refusal=errors.unknown_beginning(), size=len(frame))
        dialect, caller = connection.speaker or (None, None)
        decode = None if dialect is None else dialect.decode_binary if is_binary else dialect.decode
        if caller is None or decode is None:
            return commands.Refuse(connection=connection.id, refusal=errors.bad_json("this one is binary"))
        try:
            command = decode(frame, caller, time.time_ns() // NS_PER_MS)
        except Exception:
            logger.exception("a frame of connection %d could not be read", connection.id)
            return commands.Refuse(connection=connection.id, refusal=errors.internal())
        if type(command) is commands.Numbered or type(command) is commands.Several:
            _charge(connection, command)
        return command

    def ponged(self, connection: Connection, data: bytes) -> None:
        """Must be called when the connection has answered a ping of the heartbeat or of a challenge."""
        connection.pong(data)
        if data == CHALLENGE:
            self.owner.ask(commands.Alive(connection.id))

    def ended(self, connection: Connection, end: End) -> None:
        """Must be called when the reader of the connection has stopped."""
        self._report_too_fast(connection, connection.rate.take_rest(self._loop.time()))
        self.handle_taken()
        self._put_plain()
        self._connections.pop(connection.id, None)
        self.owner.ended(ConnectionEnded(connection.id, *end))

    def _report_too_fast(self, connection: Connection, count: int) -> None:
        if count:
            refusal = errors.too_fast(self.max_frames_per_s * connection.rate.times)
            self.owner.ask(commands.Refuse(connection=connection.id, refusal=refusal, count=count))

    # --- what is done to connections ---------------------------------------------------------------------------------

    def send(self, send: Send) -> None:
        if send.message.__class__ in PLAIN:
            self._plain.append(send)
        else:
            self._put_plain()
            self._put_message(send)

    def _put_plain(self) -> None:
        """Put the plain messages of this tick into the outboxes. Must be called before anything else is put there.

        They wait for each other for the same reason as frames (`take`).
        """
        if not self._plain:
            return
        plain, self._plain = self._plain, []
        for send in plain:
            try:
                self._put_message(send)
            except Exception:
                logger.exception("a message to connection %d could not be encoded", send.connections[0])

    def _put_message(self, send: Send) -> None:
        message, marks = send.message, send.marks
        is_plain = message.__class__ in PLAIN
        if not is_plain:
            message = self._noted(message, send.connections)
        is_crowd = len(send.connections) >= CROWD and message.__class__ in ANNOUNCEMENTS
        put = self._unsent.put_announcement if is_crowd else self._unsent.put
        text: bytes | None = None
        shared: bytes | None = None
        for id_ in send.connections:
            connection = self._connections.get(id_)
            if connection is None or connection.speaker is None:
                continue
            dialect = connection.speaker.dialect
            if text is None:
                text = dialect.encode(message, time.time_ns() // NS_PER_MS) or b""
            if marks is not None and (mark := marks.get(id_)) is not None:
                put(connection, message_frame(dialect.mark(text, mark)))
            elif text:
                shared = shared or message_frame(text)
                put(connection, shared)
            if not is_plain:
                self._sent(message, connection, dialect, is_silent=not text)

    def close(self, close: Close) -> None:
        if (connection := self._connections.get(close.connection)) is not None:
            self.close_connection(connection, close.code, close.reason)

    def challenge(self, challenge: Challenge) -> None:
        if (connection := self._connections.get(challenge.connection)) is not None:
            connection.challenge()

    def is_lost(self, connection: int) -> bool:
        known = self._connections.get(connection)
        return known is not None and known.outbox.transport.is_closing()

    def close_connection(self, connection: Connection, code: int, reason: str, ending: Ending = Ending.LOST) -> None:
        """Close a connection after the frames in its outbox were sent. Its reader stops when the peer has answered."""
        self._put_plain()
        if self._connections.pop(connection.id, None) is not None:
            connection.close(code, reason, ending)

    def turn_away(self, connection: Connection, dialect: Dialect | None, closing: Closing) -> None:
        """Close a connection that has just been opened. Its dialect may send a frame before."""
        self._put_plain()
        if connection.id in self._connections and dialect is not None:
            farewell = dialect.farewell(closing)
            if farewell is not None:
                self._unsent.put(connection, message_frame(farewell))
        self.close_connection(connection, *closing)

    def close_idle(self, connection: Connection) -> None:
        """Close a connection whose client has sent nothing, unless its handshake has already requested a greeting, a
        room or a group."""
        if not (connection.is_welcome or connection.waits):
            self.close_connection(connection, CloseCode.REFUSED, "idle")

    def close_all(self) -> None:
        """Close every connection with the code that tells the client to reconnect."""
        for connection in list(self._connections.values()):
            self.close_connection(connection, CloseCode.RESTART, "restart", Ending.STOPPED)

    def put(self, connection: Connection, frame: bytes) -> None:
        """Send a frame of the WebSocket protocol itself (a ping, a pong, a Close) at the end of the tick."""
        self._put_plain()
        self._unsent.put(connection, frame)
        self._tick.needs_end()

    def send_now(self) -> None:
        """End the tick early."""
        self._tick.end()

    def flush(self) -> None:
        """Send the frames of this tick. `Tick` calls this."""
        self._put_plain()
        self._unsent.flush()

    def _noted(self, message: Message, receivers: tuple[int, ...]) -> Message:
        """Update the connections of a message's receivers, and return the message with the values that the hub does not
        know."""
        if isinstance(message, Welcome | RoomsChanged):
            self._count_rooms(receivers, message)
        return self._completed(message, receivers[0]) if isinstance(message, PeerList) else message

    def _sent(self, message: Message, connection: Connection, dialect: Dialect, *, is_silent: bool) -> None:
        """Update a connection after a message was put into its outbox."""
        if isinstance(message, Durability) and not is_silent:
            connection.outbox.hurry_last()  # it tells how durable the `ca` of the other frames of this tick is
        if isinstance(message, Refused):
            connection.waits = False
            if is_silent:
                self._silent_refusals.report(dialect.name, message.refusal)
            if not message.joined:
                self._foreign_frames.report(dialect, message.kind)
        if isinstance(message, LastWords) and (closing := dialect.closing(message)) is not None:
            self.close_connection(connection, *closing)

    def _count_rooms(self, receivers: Iterable[int], message: Message) -> None:
        for connection in filter(None, map(self._connections.get, receivers)):
            connection.is_welcome = connection.is_welcome or isinstance(message, Welcome)
            if isinstance(message, RoomsChanged):
                connection.count_room(message.room, is_in=isinstance(message, Welcome))

    def _completed(self, list_: PeerList, receiver: int) -> PeerList:
        """Add to a peer list what the hub does not know: the ICE servers, and the limits of the receiver's frames."""
        connection = self._connections.get(receiver)
        return msgspec.structs.replace(
            list_,
            ice_servers=self.ice_servers.for_peer(list_.peer, time.time()),
            limits=connection.limits if connection is not None else None,
        )


def _charge(connection: Connection, command: commands.Numbered | commands.Several) -> None:
    """Count a frame with several commands as so many frames."""
    asked = command.command if isinstance(command, commands.Numbered) else command
    if isinstance(asked, commands.Several) and asked.commands:
        connection.rate.charge(min(len(asked.commands), commands.MAX_COMMANDS) - 1)
