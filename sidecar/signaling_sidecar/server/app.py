"""The aiohttp application: who is let in, which paths there are, and what begins and ends with it."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import platform
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict

import aiohttp
from aiohttp import WSMsgType, web

from signaling_sidecar import __version__
from signaling_sidecar.dialects import DIALECTS, Dialect
from signaling_sidecar.dialects.rooms import ROOMS, encode_room_list
from signaling_sidecar.eventlog import LogWriter, state_dir
from signaling_sidecar.hub import Hub, checkpoint
from signaling_sidecar.hub.effects import CloseCode
from signaling_sidecar.server import frames, pages
from signaling_sidecar.server.connection import CLOSE_WITHIN_S, LOST, Connection, End, Socket, end_of
from signaling_sidecar.server.dispatcher import Dispatcher
from signaling_sidecar.server.guard import Barred, who_is_let_in
from signaling_sidecar.server.outbox import Outbox
from signaling_sidecar.server.rate import FrameRate
from signaling_sidecar.settings import Settings

MAX_HINTS = 100  # causes that are printed once each; a stranger can make up any number of Hosts

logger = logging.getLogger("signaling_sidecar")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RandomIds:
    """Ids that nobody can guess, and that no other run has given."""

    def session(self) -> str:
        return secrets.token_hex(8)

    def peer(self) -> str:
        return secrets.token_hex(6)


class Sidecar:
    """One run: a hub, its log, and the sockets. Constructing it does nothing; `app` begins and ends its work."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.boot = f"{int(time.time()):x}{secrets.token_hex(3)}"  # in order of time, and never the same twice
        self.state_dir = settings.state_dir or state_dir.project_state_dir(settings.project)
        rules = {name: dialect.rules(settings) for name, dialect in DIALECTS.items()}
        self._hub = Hub(rules, settings.max_rooms, RandomIds())
        self._longest_grace_s = max(grace_s for rule in rules.values() for grace_s in rule.grace_s.values())
        self._connection_ids = itertools.count(1)
        self._readers: set[asyncio.Task[object]] = set()
        self._hinted: set[Barred] = set()
        self._dispatcher: Dispatcher

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard])
        app.cleanup_ctx.append(self._run)
        app.on_shutdown.append(self._close_connections)
        app.router.add_get("/health", self._health)
        app.router.add_get("/ws/signaling/rooms", self._rooms)
        for dialect in DIALECTS.values():
            app.router.add_get(dialect.path, self._endpoint(dialect))
        return app

    # --- life ------------------------------------------------------------------------------------------------------

    async def _run(self, app: web.Application) -> AsyncIterator[None]:
        state_dir.create(self.state_dir)
        lock = state_dir.lock(self.state_dir)
        try:
            log = self._log()
            log.open()
            self._dispatcher = Dispatcher(self._hub, log, self.settings.max_frames_per_s)
            yield
            self._dispatcher.stop()
            log.close()
        finally:
            os.close(lock)

    def _log(self) -> LogWriter:
        settings = self.settings
        loop = asyncio.get_running_loop()
        header = {
            "version": __version__,
            "python": platform.python_version(),
            "aiohttp": aiohttp.__version__,
            "pid": os.getpid(),
            "project": str(settings.project),
            "settings": {name: value for name, value in asdict(settings).items() if not hasattr(value, "parent")},
        }
        return LogWriter(
            self.state_dir,
            self.boot,
            header=header,
            checkpoint=lambda: checkpoint(self._hub, loop.time()),
            payloads=settings.payloads,
            segment_bytes=settings.log_segment_bytes,
            total_bytes=settings.log_total_bytes,
            keep_s=self._longest_grace_s,
            complain=logger.warning,
        )

    async def _close_connections(self, app: web.Application) -> None:
        self._dispatcher.close_all()
        if self._readers:
            await asyncio.wait(self._readers, timeout=CLOSE_WITHIN_S + 1)

    # --- who is let in ---------------------------------------------------------------------------------------------

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        barred = who_is_let_in(
            request.headers.getall("Host", ()),
            request.headers.getall("Origin", ()),
            self.settings.allow_host,
            self.settings.allow_origin,
        )
        if barred is None:
            return await handler(request)
        if barred not in self._hinted and len(self._hinted) < MAX_HINTS:
            self._hinted.add(barred)
            logger.warning("%s", barred)
        raise web.HTTPForbidden(text=f"{barred}\n")

    # --- what is served --------------------------------------------------------------------------------------------

    async def _health(self, request: web.Request) -> web.Response:
        now_ms = time.time_ns() // 1_000_000
        return web.json_response({"status": "ok", "timestamp": now_ms, "version": __version__, "boot": self.boot})

    async def _rooms(self, request: web.Request) -> web.Response:
        """The same list as the native dialect's `rooms`, for who has no WebSocket."""
        rooms = encode_room_list(self._hub.lobby.rooms(ROOMS.name))
        return web.Response(body=rooms, content_type="application/json")

    def _endpoint(self, dialect: Dialect) -> Handler:
        async def endpoint(request: web.Request) -> web.StreamResponse:
            socket: Socket = web.WebSocketResponse(
                timeout=CLOSE_WITHIN_S,
                autoclose=False,
                autoping=False,
                compress=False,
                max_msg_size=self.settings.max_frame_bytes + 1,  # aiohttp refuses what reaches it
                decode_text=False,
            )
            if not socket.can_prepare(request):
                return self._not_an_upgrade(request)
            await socket.prepare(request)
            transport = request.transport
            if transport is not None:  # it may be gone since the handshake
                await self._serve(request, socket, dialect, transport)
            return socket

        return endpoint

    def _not_an_upgrade(self, request: web.Request) -> web.Response:
        if "text/html" in request.headers.get("Accept", ""):
            page = pages.status_page(request.path, self._hub.lobby.rooms(ROOMS.name))
            return web.Response(text=page, content_type="text/html")
        raise web.HTTPUpgradeRequired(text="this is a WebSocket endpoint\n", headers={"Upgrade": "websocket"})

    async def _serve(
        self,
        request: web.Request,
        socket: Socket,
        dialect: Dialect,
        transport: asyncio.Transport,
    ) -> None:
        settings, dispatcher = self.settings, self._dispatcher
        now_s = asyncio.get_running_loop().time()
        connection = Connection(
            next(self._connection_ids),
            dialect,
            Outbox(transport, settings.max_outbox_bytes),
            FrameRate(settings.max_frames_per_s, settings.max_frames_burst, now_s),
            dispatcher.close_idle,
        )
        full = len(dispatcher) >= settings.max_connections
        headers = request.headers
        dispatcher.opened(
            connection, remote=request.remote, origin=headers.get("Origin"), agent=headers.get("User-Agent")
        )
        if full:
            dispatcher.close(connection, CloseCode.FULL, "full")
        task = asyncio.current_task()
        assert task is not None
        self._readers.add(task)
        end = LOST
        try:
            end = await self._read(connection, socket)
        finally:
            self._readers.discard(task)
            connection.release()
            dispatcher.ended(connection, connection.end or end)
            if connection.end is not None:
                transport.close()  # both Close frames have passed, or nobody answers: aiohttp would send another

    async def _read(self, connection: Connection, socket: Socket) -> End:
        """Hand on what comes until the end. What comes after our own Close is not handled."""
        while True:
            message = await socket.receive()
            if message.type is WSMsgType.PONG:
                connection.pong()
            elif message.type is WSMsgType.PING:
                connection.outbox.transport.write(frames.frame(frames.PONG, message.data))
            elif message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return end_of(message.type, message.data, message.extra)
            elif connection.end is None:
                connection.heard()
                self._dispatcher.received(connection, message.data if message.type is WSMsgType.TEXT else None)
