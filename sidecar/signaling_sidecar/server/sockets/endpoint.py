"""A WebSocket from its handshake to its end: which dialect it speaks, and its reader."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping

from aiohttp import WebSocketError, WSCloseCode, WSMsgType, web

from signaling_sidecar import hooks
from signaling_sidecar.dialects import UPGRADE_REQUIRED, Caller, Closing, Dialect, Introduction, Opening, Rejection
from signaling_sidecar.dialects.shared_path import by_first_frame
from signaling_sidecar.hub import Ending, commands
from signaling_sidecar.hub.effects import CloseCode, Limits
from signaling_sidecar.hub.resumption import MAX_KEPT_BYTES
from signaling_sidecar.server.dispatcher import Dispatcher
from signaling_sidecar.server.http.client_address import client_address, counted_as
from signaling_sidecar.server.sockets import frames
from signaling_sidecar.server.sockets.connection import (
    CLOSE_WITHIN_S,
    LOST,
    STOP_WITHIN_S,
    Connection,
    End,
    Speaker,
    ended_by_peer,
)
from signaling_sidecar.server.sockets.frame_rate import REST_S, FrameRate
from signaling_sidecar.server.sockets.outbox import Outbox
from signaling_sidecar.server.sockets.websocket import Message, WebSocket, error_of, is_handshake, refuse_handshake
from signaling_sidecar.settings import Settings
from signaling_sidecar.site import Site


class Endpoint:
    """Serves the WebSockets of all dialects. Made in a running loop."""

    def __init__(
        self,
        settings: Settings,
        dialects: Mapping[str, Dialect],
        dispatcher: Dispatcher,
        conceal: Callable[[str], str],
        site: Callable[[], Site | None],
        refused: Callable[[bytes], None],
    ) -> None:
        self.settings = settings
        """For the connections from now on."""
        self._dialects = dialects
        self._dispatcher = dispatcher
        self._conceal = conceal
        self._site = site
        self._refused = refused
        """Is told each text frame that is refused unread."""
        self._connection_ids = itertools.count(1)
        self._readers: set[asyncio.Task[object]] = set()

    async def serve(self, request: web.Request, dialect: Dialect | None) -> web.StreamResponse:
        """Answer a handshake. Without a dialect, the first frame tells which.

        Raises HTTPException for what is no handshake, or one that the dialect refuses.
        """
        opening = _opening(request)
        opened = dialect.open(opening) if dialect is not None else Introduction()
        if isinstance(opened, Rejection):
            raise error_of(opened)
        if not is_handshake(request):
            raise error_of(dialect.plain_get if dialect is not None else UPGRADE_REQUIRED)
        if (refusal := refuse_handshake(request)) is not None:
            raise refusal
        await self.admit(request, dialect)
        socket = WebSocket(request)
        transport = await socket.begin(request, self.settings.max_frame_bytes)
        connection = self._open(request, transport, dialect)
        if isinstance(opened, Closing):
            self._dispatcher.close(connection, *opened)
        elif dialect is not None:
            connection.speaker = Speaker(
                dialect, Caller(connection.id, opened, self._conceal, counted_as(connection.address))
            )
        else:
            connection.recognise = lambda frame: self._recognise(connection, opening, frame)
        await self._read_to_end(connection, socket)
        return socket

    async def admit(self, request: web.Request, dialect: Dialect | None) -> None:
        """Raises HTTPForbidden for whom the hooks do not let in."""
        judge = self._dispatcher.judge
        if judge is None:
            return
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        refusal = await judge.of_connection(
            hooks.Connection(
                dialect.name if dialect is not None else None,
                request.headers,
                request.query,
                token if scheme.lower() == "bearer" and token else None,
            )
        )
        if refusal is not None:
            raise web.HTTPForbidden(text=f"{refusal.message}\n")

    async def wait_closed(self) -> None:
        """Return when every connection's reader is done; all of them have been told to end."""
        if self._readers:
            await asyncio.wait(self._readers, timeout=STOP_WITHIN_S + 1)

    def _open(self, request: web.Request, transport: asyncio.Transport, dialect: Dialect | None) -> Connection:
        settings, dispatcher, headers = self.settings, self._dispatcher, request.headers
        limits = Limits(settings.max_frame_bytes, settings.max_frames_per_s, settings.max_frames_burst, MAX_KEPT_BYTES)
        connection = Connection(
            next(self._connection_ids),
            # A frame of the largest size must not end the connection of a reader that has just been sent another.
            Outbox(transport, settings.max_outbox_bytes + settings.max_frame_bytes),
            FrameRate(limits.frames_per_s, limits.burst, asyncio.get_running_loop().time()),
            dispatcher.close_idle,
            limits,
            dispatcher.put,
            client_address(request, self._site()),
        )
        full = len(dispatcher) >= settings.max_connections
        dispatcher.opened(
            connection,
            dialect.name if dialect is not None else None,
            remote=connection.address,
            origin=headers.get("Origin"),
            agent=headers.get("User-Agent"),
        )
        if full:
            dispatcher.close(connection, CloseCode.FULL, "full")
        return connection

    def _recognise(self, connection: Connection, opening: Opening, frame: bytes) -> Speaker | None:
        dialect = by_first_frame(self._dialects.values(), frame)
        opened = dialect.open(opening) if dialect is not None else None
        if dialect is None or not isinstance(opened, Introduction):
            return None
        return Speaker(dialect, Caller(connection.id, opened, self._conceal, counted_as(connection.address)))

    async def _read_to_end(self, connection: Connection, socket: WebSocket) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._readers.add(task)
        end, answer = LOST, None
        try:
            end, answer = await self._read(connection, socket)
        except WebSocketError as error:
            end, answer = End(Ending.LOST, "sidecar", error.code, str(error)), error.code
        finally:
            self._readers.discard(task)
            connection.release()
            self._dispatcher.ended(connection, connection.end or end)
            if answer is not None and connection.end is None:
                self._dispatcher.put(connection, frames.close_frame(answer, ""))
                await self._say_goodbye(connection, socket, lingers=end.by == "sidecar")
            connection.hang_up()

    async def _say_goodbye(self, connection: Connection, socket: WebSocket, *, lingers: bool) -> None:
        """Return when our Close is on its way.

        A peer that we have stopped to understand may be in the middle of something: if the socket were closed while
        there is more to read, that would reset the connection, and our Close might be lost.
        """
        self._dispatcher.flush()
        transport = connection.outbox.transport
        if lingers and not transport.is_closing():
            transport.write_eof()
            await socket.wait_lost(CLOSE_WITHIN_S)

    async def _read(self, connection: Connection, socket: WebSocket) -> tuple[End, int | None]:
        """Hand on what comes until the end, and say what to answer to that. Raises WebSocketError.

        What comes after our own Close is not handled.
        """
        await self._take_place(connection)
        while (message := await socket.receive()) is not None:
            if message.type is WSMsgType.CLOSE:
                return ended_by_peer(message.data, message.extra or ""), WSCloseCode.OK
            if message.type is WSMsgType.PONG and connection.owes_pong:
                self._dispatcher.ponged(connection, message.data)
            elif connection.end is None and self._dispatcher.admits(connection):
                await self._handle(connection, message)
            elif connection.rate.needs_rest():
                with connection.unread():
                    await asyncio.sleep(REST_S)
        return LOST, None

    async def _handle(self, connection: Connection, message: Message) -> None:
        if message.type is WSMsgType.PING:
            self._dispatcher.put(connection, frames.frame(frames.PONG, message.data))
        elif message.type is not WSMsgType.PONG:
            connection.heard()
            frame = message.data if message.type is WSMsgType.TEXT else None
            command = self._dispatcher.read(connection, frame)
            if frame is not None and isinstance(command, commands.Refuse):
                self._refused(frame)
            await self._do(connection, command)

    async def _take_place(self, connection: Connection) -> None:
        """Let who opens the connection have its place again, if its handshake says who that is."""
        speaker = connection.speaker
        if speaker is not None and speaker.caller.introduction.peer is not None:
            name, peer = speaker.dialect.name, speaker.caller.introduction.peer
            await self._do(connection, commands.Opened(connection.id, name, peer))

    async def _do(self, connection: Connection, command: commands.Command) -> None:
        """Carry it out, if the hooks have nothing against it."""
        if self._dispatcher.judge is not None:
            with connection.unread():
                command = await self._dispatcher.judge.of_command(command)
        if connection.end is None:
            self._dispatcher.do(connection, command)


def _opening(request: web.Request) -> Opening:
    raw_query = request.raw_path.partition("?")[2]
    return Opening(request.match_info.get("room"), request.query, raw_query)
