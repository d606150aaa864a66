"""The front, which has all WebSockets of this process: it decodes their frames into commands, and closes connections.

1. The frames of a connection are handled in the order in which they arrive. No frame is handled after the
   end of its connection.
2. Nothing is sent to a connection after its end. `outgoing.py` sends the messages.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Collection
from itertools import islice

from signaling_sidecar import errors
from signaling_sidecar.dialects import Closing, Dialect
from signaling_sidecar.hub import Ending, commands
from signaling_sidecar.hub.commands import Command
from signaling_sidecar.hub.effects import Challenge, Close
from signaling_sidecar.hub.messages import CloseCode
from signaling_sidecar.hub.payloads import Binary
from signaling_sidecar.server.ice_servers import IceServers
from signaling_sidecar.server.sockets.connection import CHALLENGE, Connection, End
from signaling_sidecar.server.sockets.frames import message_frame
from signaling_sidecar.server.sockets.outgoing import NS_PER_MS, Outgoing
from signaling_sidecar.server.sockets.token_holders import TokenHolders
from signaling_sidecar.server.sockets.unread_total import UnreadTotal
from signaling_sidecar.server.tell import ConnectionEnded, ConnectionOpened, OwnerSide
from signaling_sidecar.server.tick import Tick

REST_WITHIN_S = 2.0  # seconds after which refused frames are recorded even if no `too-fast` error was sent for them

logger = logging.getLogger("signaling_sidecar")


class Front:
    """`owner` must be set before the first connection is opened."""

    def __init__(self, tick: Tick, ice_servers: IceServers) -> None:
        self.owner: OwnerSide
        self.token_holders: TokenHolders | None = None
        """Checks the tokens of the clients. None if the sidecar requires no tokens."""
        self._tick = tick
        self._loop = asyncio.get_running_loop()
        self._connections: dict[int, Connection] = {}
        """The open connections, by their ids."""
        self.outgoing = Outgoing(tick, self._connections, ice_servers, self.close_connection)
        self.unread_total = UnreadTotal(self._connections.values)
        self.send = self.outgoing.send
        self.put = self.outgoing.put
        self.frames_received = 0
        """The number of frames that were read since the start."""
        self.endings: Counter[tuple[str, str]] = Counter()
        """The number of connections that have ended, by how they ended and who has ended them."""
        self._taken: list[tuple[Connection, bytes]] = []
        """The frames that have arrived in this tick and are not handled yet."""

    def __len__(self) -> int:
        return len(self._connections)

    @property
    def connections(self) -> Collection[Connection]:
        """The open connections."""
        return self._connections.values()

    # --- what connections do -----------------------------------------------------------------------------------------

    def opened(self, connection: Connection, opened: ConnectionOpened) -> None:
        self._connections[connection.id] = connection
        self.owner.opened(opened)

    def refuse(self, connection: Connection) -> None:
        """Refuse a frame because the client sends too many, and report refused frames from time to time."""
        self.frames_received += 1
        connection.rate.refused()
        count = connection.rate.take_report(self._loop.time())
        if count:
            self._report_too_fast(connection, count)
            if connection.rest is not None:
                connection.rest.cancel()
            connection.rest = self._loop.call_later(REST_WITHIN_S, self._count_rest, connection)

    def recognise(self, connection: Connection, first_frame: bytes) -> bool:
        """Find the dialect of a connection on the shared path by its first frame. Returns False if no dialect begins
        with such a frame, or if the handshake lacks a token that the dialect requires there."""
        try:
            speaker = connection.recognise(first_frame) if connection.recognise is not None else None
        except Exception:
            logger.exception("the handshake of connection %d could not be read", connection.id)
            return False
        if speaker is None:
            return False
        if self.token_holders is not None and not self.token_holders.recognised(connection, speaker.dialect):
            return False
        connection.speaks(speaker)
        self.owner.recognised(connection.id, speaker.dialect)
        return True

    def begin(self, connection: Connection) -> Command | None:
        """Return the command that the handshake implies, such as a join. Returns None if it implies no command,
        or if the dialect is not known yet."""
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
        """Handle a frame at the end of this tick, together with all others that arrive in the tick.

        All frames go through one step, and then through the next step. This takes less time than handling one frame
        after the other, because the code and the data of the step stay in the fastest cache of the processor.
        """
        self._taken.append((connection, frame))
        self._tick.needs_end()

    def handle_taken(self) -> None:
        """Handle the frames that were taken, in the order of their arrival. `Tick` calls this."""
        if not self._taken:
            return
        taken, self._taken = self._taken, []
        self.frames_received += len(taken)
        for connection, frame in taken:
            if connection.end is None:
                try:
                    self.ask(connection, self.checked(connection, self.read(connection, frame)))
                except Exception:
                    logger.exception("a frame of connection %d could not be handled", connection.id)
                    connection.abort("internal error")

    def checked(self, connection: Connection, command: Command) -> Command:
        """Check a command against the tokens of its client. Returns the command to pass to `ask`, which may be a
        refusal."""
        return command if self.token_holders is None else self.token_holders.check(connection, command)

    def ask(self, connection: Connection, command: Command) -> None:
        """Carry out a command that the client's tokens and the hooks allow."""
        self.owner.ask(command)
        if self.token_holders is not None:
            self.token_holders.close_spent(connection)

    def read(self, connection: Connection, frame: bytes) -> Command:
        """Decode a frame into a command. A binary frame is a `Binary`, and a text frame is any other bytes object."""
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
            self.handle_taken()  # one of the frames that the client has sent before its pong may be a leave
            self.owner.ask(commands.Alive(connection.id))

    def ended(self, connection: Connection, end: End) -> None:
        """Must be called when the reader of the connection has stopped."""
        self.handle_taken()
        self._count_rest(connection)
        self.outgoing.put_plain()
        self._connections.pop(connection.id, None)
        if self.token_holders is not None:
            self.token_holders.ended(connection)
        self.endings[end.ending, end.by] += 1
        dialect = connection.speaker.dialect if connection.speaker is not None else None
        self.owner.ended(ConnectionEnded(connection.id, *end, dialect))

    def _count_rest(self, connection: Connection) -> None:
        """Record the refused frames since the last `too-fast` error, without sending the client another error."""
        if count := connection.rate.take_rest():
            self._report_too_fast(connection, count, is_told=False)

    def _report_too_fast(self, connection: Connection, count: int, *, is_told: bool = True) -> None:
        refusal = errors.too_fast(connection.limits.frames_per_s)
        self.owner.ask(commands.Refuse(connection=connection.id, refusal=refusal, count=count, is_told=is_told))

    # --- what is done to connections ---------------------------------------------------------------------------------

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
        """Close a connection after the frames in its outbox were sent. Its reader stops when the peer has answered the
        Close."""
        self.outgoing.put_plain()
        if self._connections.pop(connection.id, None) is not None:
            connection.close(code, reason, ending)

    def turn_away(self, connection: Connection, dialect: Dialect | None, closing: Closing) -> None:
        """Close a connection that has just been opened. In some dialects, a frame with the reason is sent first."""
        if connection.id in self._connections and dialect is not None:
            farewell = dialect.farewell(closing)
            if farewell is not None:
                self.put(connection, message_frame(farewell))
        self.close_connection(connection, *closing)

    def close_idle(self, connection: Connection) -> None:
        """Close a connection whose client has sent no frame. The connection stays open if the client was greeted, is
        in a room, or waits in a queue: in some dialects, the handshake is enough for this."""
        if not (connection.is_welcome or connection.waits):
            self.close_connection(connection, CloseCode.REFUSED, "idle")

    def close_oldest(self, count: int) -> None:
        """Close this many connections with the code that tells the client to reconnect."""
        for connection in list(islice(self._connections.values(), count)):
            self.close_connection(connection, CloseCode.RESTART, "restart", Ending.STOPPED)

    def send_now(self) -> None:
        """End the tick early."""
        self._tick.end()


def _charge(connection: Connection, command: commands.Numbered | commands.Several) -> None:
    """Count a frame with several commands as one frame for each command."""
    asked = command.command if isinstance(command, commands.Numbered) else command
    if isinstance(asked, commands.Several) and asked.commands:
        connection.rate.charge(min(len(asked.commands), commands.MAX_COMMANDS) - 1)
