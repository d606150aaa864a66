"""Reads one WebSocket, and handles its messages one after the other until the connection ends."""

from __future__ import annotations

import asyncio

from aiohttp import WebSocketError, WSCloseCode, WSMsgType

from signaling_sidecar.errors import Code
from signaling_sidecar.hub import Ending, commands
from signaling_sidecar.hub.messages import CloseCode
from signaling_sidecar.hub.payloads import Binary
from signaling_sidecar.server.sockets import frames
from signaling_sidecar.server.sockets.connection import CLOSE_WITHIN_S, LOST, Connection, End, ended_by_peer
from signaling_sidecar.server.sockets.frame_rate import REST_S
from signaling_sidecar.server.sockets.front import Front
from signaling_sidecar.server.sockets.message_queue import Message, queue_all
from signaling_sidecar.server.sockets.websocket import WebSocket, is_utf8

_TEXT, _BINARY = WSMsgType.TEXT, WSMsgType.BINARY


class Reader:
    def __init__(self, front: Front, connection: Connection, socket: WebSocket) -> None:
        self._front = front
        self._connection = connection
        self._socket = socket
        self._time = asyncio.get_running_loop().time

    async def run(self) -> None:
        """Read until the connection has ended, and close the socket."""
        connection = self._connection
        end, answer = LOST, None
        self._socket.offer_pongs(self._take_pong)
        try:
            end, answer = await self._read()
        except WebSocketError as error:
            end, answer = End(Ending.LOST, "sidecar", error.code, str(error)), error.code
        finally:
            self._socket.offer_pongs(queue_all)  # objects that refer to each other would be freed only by the collector
            connection.release()
            self._front.ended(connection, connection.end or end)
            if answer is not None and connection.end is None:
                self._front.put(connection, frames.close_frame(answer, ""))
                await self._send_last(lingers=end.by == "sidecar")
            else:
                self._front.send_now()  # because our own Close may still be in the outbox
            connection.hang_up()

    async def _read(self) -> tuple[End, int | None]:
        """Handle messages until the connection ends. Returns how it ended, and the code of the Close to be sent.

        Messages that arrive after our own Close are not handled. Raises WebSocketError.
        """
        connection = self._connection
        await self._begin()
        while (message := await self._socket.receive(self._take)) is not None:
            if message.type is WSMsgType.CLOSE:
                return ended_by_peer(message.data, message.extra or ""), WSCloseCode.OK
            if connection.end is not None:
                continue
            if connection.rate.admits(self._time()):
                await self._handle(message)
            else:
                await self._refuse()
        return LOST, None

    def _take(self, message: Message) -> bool:
        """Take a text or binary frame if it can be handled without an `await`. Otherwise it is queued for `_read`.

        Nearly all frames are taken here, because that needs less time than waking the task that runs `_read`.
        """
        connection, front = self._connection, self._front
        type_, data, _ = message
        if type_ is not _TEXT and type_ is not _BINARY:
            return False
        if connection.speaker is None or connection.end is not None or front.owner.has_hooks:
            return False
        if type_ is _TEXT and not is_utf8(data):
            return False
        if not connection.rate.admits(self._time()):
            return False
        front.take(connection, data if type_ is _TEXT else Binary(data))
        return True

    def _take_pong(self, message: Message) -> bool:
        """Take a pong that answers a ping. The pong does not wait behind frames for which hooks are called, because its
        client would seem to be lost in the meantime."""
        connection = self._connection
        if connection.end is not None or not connection.owes_pong:
            return False
        self._front.ponged(connection, message.data)
        return True

    async def _handle(self, message: Message) -> None:
        connection, front = self._connection, self._front
        if message.type is WSMsgType.PING:
            front.put(connection, frames.frame(frames.PONG, message.data))
        elif message.type is not WSMsgType.PONG:
            front.frames_received += 1
            is_text = message.type is WSMsgType.TEXT
            if is_text and connection.speaker is None and front.recognise(connection, message.data):
                await self._begin()
            await self._ask(front.read(connection, message.data if is_text else Binary(message.data)))

    async def _refuse(self) -> None:
        """Refuse a frame of a client that sends too many. If the client does not stop, read nothing for a while."""
        connection = self._connection
        self._front.refuse(connection)
        if connection.rate.needs_rest():
            with connection.unread():
                await asyncio.sleep(REST_S)

    async def _begin(self) -> None:
        """Carry out the command that the handshake implies, such as a join, if the dialect is known."""
        command = self._front.begin(self._connection)
        if command is not None:
            await self._ask(command)

    async def _ask(self, command: commands.Command) -> None:
        """Pass the command of the client to the owner, if the client's tokens and the hooks allow it.

        If the dialect is still unknown, close the connection."""
        connection, owner = self._connection, self._front.owner
        command = self._front.checked(connection, command)
        if owner.has_hooks:
            with connection.unread():
                command = await owner.checked(command)
        if connection.end is None:
            self._front.ask(connection, command)
            if connection.speaker is None:
                self._front.close_connection(connection, CloseCode.REFUSED, Code.UNKNOWN_TYPE)

    async def _send_last(self, *, lingers: bool) -> None:
        """Send the frames in the outbox, the last of which is our Close.

        With `lingers`, wait until the peer has closed its end, because the peer may still be sending although we have
        stopped reading. If we closed the socket while it has unread data, the connection would be reset, and our Close
        could be lost.
        """
        self._front.send_now()
        transport = self._connection.outbox.transport
        if lingers and not transport.is_closing():
            transport.write_eof()
            await self._socket.wait_lost(CLOSE_WITHIN_S)
