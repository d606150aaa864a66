"""A WebSocket from its handshake to its end: which dialect it speaks, and its reader."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable, Mapping

from aiohttp import WSMsgType, web

from signaling_sidecar import hooks
from signaling_sidecar.dialects import UPGRADE_REQUIRED, Caller, Closing, Dialect, Introduction, Opening, Rejection
from signaling_sidecar.dialects.shared_path import by_first_frame
from signaling_sidecar.hub.effects import CloseCode
from signaling_sidecar.server import frames
from signaling_sidecar.server.client_address import client_address
from signaling_sidecar.server.connection import (
    CLOSE_WITHIN_S,
    LOST,
    STOP_WITHIN_S,
    Connection,
    End,
    Socket,
    Speaker,
    end_of,
)
from signaling_sidecar.server.dispatcher import Dispatcher
from signaling_sidecar.server.outbox import Outbox
from signaling_sidecar.server.rate import FrameRate
from signaling_sidecar.settings import Settings
from signaling_sidecar.site import Site

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2


class Endpoint:
    """Serves the WebSockets of all dialects. Made in a running loop."""

    def __init__(
        self,
        settings: Settings,
        dialects: Mapping[str, Dialect],
        dispatcher: Dispatcher,
        conceal: Callable[[str], str],
        site: Callable[[], Site | None],
    ) -> None:
        self.settings = settings
        """For the connections from now on."""
        self._dialects = dialects
        self._dispatcher = dispatcher
        self._conceal = conceal
        self._site = site
        self._connection_ids = itertools.count(1)
        self._readers: set[asyncio.Task[object]] = set()

    async def serve(self, request: web.Request, dialect: Dialect | None) -> web.StreamResponse:
        """Answer a handshake. Without a dialect, the first frame tells which.

        Raises HTTPException for what is no handshake, or one that the dialect refuses.
        """
        opening = _opening(request)
        opened = dialect.open(opening) if dialect is not None else Introduction()
        if isinstance(opened, Rejection):
            raise _error(opened)
        socket: Socket = web.WebSocketResponse(
            protocols=_offered(request),
            timeout=CLOSE_WITHIN_S,
            autoclose=False,
            autoping=False,
            compress=False,
            max_msg_size=self.settings.max_frame_bytes + 1,  # aiohttp refuses what reaches it
            decode_text=False,
        )
        if not socket.can_prepare(request):
            raise _error(dialect.plain_get if dialect is not None else UPGRADE_REQUIRED)
        await self.admit(request, dialect)
        await socket.prepare(request)
        transport = request.transport
        if transport is None:  # gone since the handshake
            return socket
        connection = self._open(request, transport, dialect)
        if isinstance(opened, Closing):
            self._dispatcher.close(connection, *opened)
        elif dialect is not None:
            connection.speaker = Speaker(dialect, Caller(connection.id, opened, self._conceal))
        else:
            connection.recognise = lambda frame: self._recognise(connection.id, opening, frame)
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
        connection = Connection(
            next(self._connection_ids),
            Outbox(transport, settings.max_outbox_bytes),
            FrameRate(settings.max_frames_per_s, settings.max_frames_burst, asyncio.get_running_loop().time()),
            dispatcher.close_idle,
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

    def _recognise(self, connection: int, opening: Opening, frame: bytes) -> Speaker | None:
        dialect = by_first_frame(self._dialects.values(), frame)
        opened = dialect.open(opening) if dialect is not None else None
        if dialect is None or not isinstance(opened, Introduction):
            return None
        return Speaker(dialect, Caller(connection, opened, self._conceal))

    async def _read_to_end(self, connection: Connection, socket: Socket) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._readers.add(task)
        end = LOST
        try:
            end = await self._read(connection, socket)
        finally:
            self._readers.discard(task)
            connection.release()
            self._dispatcher.ended(connection, connection.end or end)
            if connection.end is not None:
                # Both Close frames have passed, or nobody answers: aiohttp would send another.
                connection.outbox.transport.close()

    async def _read(self, connection: Connection, socket: Socket) -> End:
        """Hand on what comes until the end. What comes after our own Close is not handled."""
        while True:
            message = await socket.receive()
            if message.type is WSMsgType.PONG:
                self._dispatcher.ponged(connection, message.data)
            elif message.type is WSMsgType.PING:
                connection.outbox.transport.write(frames.frame(frames.PONG, message.data))
            elif message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return end_of(message.type, message.data, message.extra)
            elif connection.end is None:
                connection.heard()
                frame = message.data if message.type is WSMsgType.TEXT else None
                judge = self._dispatcher.judge
                if judge is None:
                    self._dispatcher.received(connection, frame)
                elif (command := self._dispatcher.read(connection, frame)) is not None:
                    with connection.unread():
                        command = await judge.of_command(command)
                    if connection.end is None:
                        self._dispatcher.do(connection, command)


def _opening(request: web.Request) -> Opening:
    raw_query = request.raw_path.partition("?")[2]
    return Opening(request.match_info.get("room"), request.query, raw_query)


def _offered(request: web.Request) -> list[str]:
    """The subprotocols that the client offers: all are fine with us, and aiohttp answers with the first.

    A browser that has offered some and is answered with none fails the connection (WHATWG WebSockets, section 3).
    Raises HTTPBadRequest for what could not be written into the answer.
    """
    offered = [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    names = [name for name in offered if name]
    if not all(map(_TOKEN.fullmatch, names)):
        raise web.HTTPBadRequest(text="Sec-WebSocket-Protocol must be names separated by commas\n")
    return names or offered


def _error(rejection: Rejection) -> web.HTTPException:
    if rejection.status == web.HTTPUpgradeRequired.status_code:
        return web.HTTPUpgradeRequired(text=rejection.text, headers={"Upgrade": "websocket"})
    return web.HTTPBadRequest(text=rejection.text)
