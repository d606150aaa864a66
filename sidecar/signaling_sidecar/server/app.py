"""The aiohttp application: who is let in, which paths there are, and what begins and ends with it."""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import platform
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from signaling_sidecar import __version__
from signaling_sidecar.dialects import DIALECTS, Dialect
from signaling_sidecar.dialects.rooms import ROOMS, encode_room_list
from signaling_sidecar.dialects.shared_path import SHARED_PATH, by_query
from signaling_sidecar.eventlog import LogWriter, state_dir
from signaling_sidecar.eventlog.boots import new_boot
from signaling_sidecar.eventlog.state_dir import Runtime
from signaling_sidecar.hub import Hub, RoomRules, checkpoint, commands
from signaling_sidecar.hub.effects import Record
from signaling_sidecar.hub.membership import Room
from signaling_sidecar.reload import HooksFile, watch_settings
from signaling_sidecar.reload.reload_extra import has_reload_extra
from signaling_sidecar.server.admin.api import AdminApi
from signaling_sidecar.server.http import client_errors
from signaling_sidecar.server.http.advice import consequences
from signaling_sidecar.server.http.guard import who_is_let_in
from signaling_sidecar.server.http.unsupported_libraries import ForeignProtocols
from signaling_sidecar.server.ice_servers import IceServers
from signaling_sidecar.server.owner import Owner
from signaling_sidecar.server.pages import page_files
from signaling_sidecar.server.pages.neighbours import Neighbours
from signaling_sidecar.server.pages.peers_in_rooms import PeopleInRooms
from signaling_sidecar.server.pages.status_page import LanPages
from signaling_sidecar.server.previous_run import go_on
from signaling_sidecar.server.sockets.endpoint import Endpoint
from signaling_sidecar.server.sockets.front import NS_PER_MS, Front
from signaling_sidecar.server.tick import Tick
from signaling_sidecar.server.user_hooks.checks import HookChecks
from signaling_sidecar.server.user_hooks.thread import HooksStopped
from signaling_sidecar.settings import Settings, Sources, all_settings
from signaling_sidecar.site import Site, read_site

HOME = "/"
CROSS_ORIGIN = web.RequestKey("cross_origin", bool)
"""Set on a request whose answer pages of other origins may read, if they are let in."""
HASH_CHARS = 16  # hex digits; 64 bits that nobody without the key can search for a collision
LOOK_EVERY_S = 0.5  # seconds between two looks at the log's file: that it is gone should be noticed within one
MAX_HINTS = 100  # causes that are printed once each; a stranger can make up any number of Hosts

logger = logging.getLogger("signaling_sidecar")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RandomIds:
    """Ids that nobody can guess, and that no other run has given."""

    def session(self) -> str:
        return secrets.token_hex(8)

    def peer(self) -> str:
        return secrets.token_hex(6)

    def token(self) -> str:
        return secrets.token_urlsafe(32)

    def room(self) -> str:
        return str(uuid.uuid4())


class Sidecar:
    """One run: a hub, its log, and the sockets. Constructing it does nothing; `app` begins and ends its work.

    `sources` is where the settings are said, if a change there is to be followed. `reloaded` is for the log only.
    """

    def __init__(self, settings: Settings, sources: Sources | None = None, *, reloaded: bool = False) -> None:
        if not settings.dialects:
            settings = replace(settings, dialects=tuple(DIALECTS))
        self.settings = settings
        self._sources = sources
        self._reloaded = reloaded
        self.admin_token = secrets.token_urlsafe(32)
        self.runtime: Runtime | None = None
        """What the state folder says of this run, from when it listens."""
        self.state_dir = settings.state_dir or state_dir.project_state_dir(settings.project)
        with state_dir.used(self.state_dir):
            self.boot = new_boot(self.state_dir)
        self._dialects = {name: DIALECTS[name] for name in settings.dialects}
        self._rules = {name: dialect.rules(settings) for name, dialect in self._dialects.items()}
        self._hub = self._new_hub()
        self._lock: int
        """The descriptor by which the state folder is ours."""
        self._key: bytes
        self._hinted: set[tuple[str, str]] = set()
        self._owner: Owner
        self._front: Front
        self._endpoint: Endpoint
        self._foreign = ForeignProtocols(CROSS_ORIGIN)
        self._admin = AdminApi(self.admin_token, self.boot)
        self._lan_pages = LanPages(self.boot, self._dialects, self.site, self._clients, self._admit)
        self._people = PeopleInRooms(self.state_dir, self._listed, self.site, self._admit)

    def site(self) -> Site | None:
        """Where the pages are, as Vite's plugin says it."""
        return read_site(self.state_dir)

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard])
        app.cleanup_ctx.extend([client_errors.keep_out_of_the_log, self._run])
        Neighbours(self.state_dir, self.settings, self._admit).add_to(app)
        app.on_shutdown.append(self._close_connections)
        app.on_response_prepare.append(self._let_pages_read)
        app.router.add_get("/health", self._health)
        app.router.add_get("/", self._home)
        app.router.add_get(SHARED_PATH, self._shared)
        app.router.add_routes([*self._admin.routes(), *self._foreign.routes()])
        app.router.add_routes([*self._lan_pages.routes(), *self._people.routes()])
        for dialect in self._dialects.values():
            self._add_routes(app.router, dialect)
        return app

    def _add_routes(self, router: web.UrlDispatcher, dialect: Dialect) -> None:
        if dialect is ROOMS:
            router.add_get(f"{dialect.paths[0]}/rooms", self._rooms)
        for path in dialect.paths:
            if path != HOME:
                router.add_get(path, self._page_or_socket if dialect is ROOMS else self._socket(dialect))
            if dialect.cross_origin:
                router.add_options(path, self._preflight)

    def _new_hub(self) -> Hub:
        return Hub(self._rules, self.settings.max_rooms, RandomIds())

    # --- life ------------------------------------------------------------------------------------------------------

    async def _run(self, app: web.Application) -> AsyncIterator[None]:
        with state_dir.used(self.state_dir):
            state_dir.create(self.state_dir)
            self._lock = state_dir.lock(self.state_dir)
        try:
            with state_dir.used(self.state_dir):
                log = self._go_on()
                self._key = key = state_dir.key(self.state_dir)
            ice_servers = IceServers(self.settings)
            tick = Tick()
            self._front = Front(tick, ice_servers, self.settings.max_frames_per_s)
            self._front.owner = self._owner = Owner(self._hub, log, self._front, tick)
            tick.write_log, tick.send = self._owner.write_log, self._front.flush
            self._endpoint = Endpoint(
                self.settings,
                self._dialects,
                self._front,
                lambda code: _hash(key, code),
                self.site,
                self._foreign.heard,
            )
            self._admin.begin(self._hub, log, self._owner.administer)
            if not self._reloaded:
                self._say_consequences()
            async with self._hooks(), self._followed_settings(log), _while_running(self._look_after_log()):
                yield
            self._owner.stop()
            log.close()
        finally:
            os.close(self._lock)

    def _go_on(self) -> LogWriter:
        """Go on where the last run stopped, in a log of this run. Raises OSError."""
        now_s = asyncio.get_running_loop().time()
        self._hub, past = go_on(self.state_dir, self._new_hub, now_s, logger.warning)
        log = self._log()
        log.open()
        for record in [*past, *([Record("server.reloaded")] if self._reloaded else [])]:
            log.append(record)
        log.flush()
        return log

    async def _look_after_log(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self._owner.look_after_log()

    def _claim_state_dir(self) -> None:
        """Have the state folder to ourselves, and in it what belongs there: it may have been deleted meanwhile.

        Raises OSError, and StateDirTaken when another sidecar was faster.
        """
        state_dir.create(self.state_dir)  # first: where nobody may look, nobody finds his own lock
        if state_dir.is_held(self.state_dir, self._lock):
            return
        lock = state_dir.lock(self.state_dir)
        os.close(self._lock)
        self._lock = lock
        state_dir.keep_key(self.state_dir, self._key)
        if self.runtime is not None:
            state_dir.write_runtime(self.state_dir, self.runtime)

    @asynccontextmanager
    async def _hooks(self) -> AsyncIterator[None]:
        """Ask the hooks, if there are any, and swap them when their file is saved. Raises HooksUnreadable."""
        if self.settings.hooks is None:
            yield
            return
        file = HooksFile(self.settings.hooks)
        owner = self._owner
        judge = HookChecks(file, self._hub, owner.record)

        async def rule_rooms() -> None:
            async for command in judge.rules_of_rooms():
                owner.administer(command)

        async def swapped(new: bool) -> None:
            if new:
                await rule_rooms()
            owner.record(Record("hooks.swapped" if new else "hooks.kept"))

        async def follow() -> None:
            with suppress(HooksStopped):
                await rule_rooms()  # those of the last run
                await file.watch(judge.load, swapped)

        try:
            await judge.load()
            owner.use_hooks(judge)
            self._endpoint.hooks = judge
            async with _while_running(follow()):
                yield
        finally:
            judge.stop()

    @asynccontextmanager
    async def _followed_settings(self, log: LogWriter) -> AsyncIterator[None]:
        """Use the settings that can change while we run as soon as their file is saved."""
        if self._sources is None or not has_reload_extra():
            yield
            return

        def apply(settings: Settings, names: list[str]) -> None:
            self.settings = self._endpoint.settings = settings
            self._front.max_frames_per_s = settings.max_frames_per_s
            self._front.ice_servers = IceServers(settings)
            log.payloads = settings.payloads
            log.segment_bytes, log.total_bytes = settings.log_segment_bytes, settings.log_total_bytes
            rules = {name: dialect.rules(settings) for name, dialect in self._dialects.items()}
            log.keep_s = _longest_grace_s(rules)
            self._owner.set_rules(commands.SetRules(rules, settings.max_rooms))
            self._owner.record(Record("settings.changed", data={name: getattr(settings, name) for name in names}))
            if {"allow_host", "allow_origin"} & set(names):
                self._say_consequences()

        async with _while_running(watch_settings(self._sources, self.settings, apply)):
            yield

    def _log(self) -> LogWriter:
        settings = self.settings
        loop = asyncio.get_running_loop()
        header = {
            "version": __version__,
            "python": platform.python_version(),
            "aiohttp": aiohttp.__version__,
            "pid": os.getpid(),
            "project": str(settings.project),
            "settings": {
                each.name: value
                for each, kind in all_settings()
                if not kind.secret and not isinstance(value := getattr(settings, each.name), Path)
            },
        }
        return LogWriter(
            self.state_dir,
            self.boot,
            header=header,
            checkpoint=lambda: checkpoint(self._hub, loop.time()),
            payloads=settings.payloads,
            segment_bytes=settings.log_segment_bytes,
            total_bytes=settings.log_total_bytes,
            keep_s=_longest_grace_s(self._rules),
            complain=logger.warning,
            claim=self._claim_state_dir,
        )

    async def _close_connections(self, app: web.Application) -> None:
        self._admin.end_streams()
        self._front.close_all()
        if self._endpoint.hooks is not None:
            self._endpoint.hooks.stop()  # its readers would wait for their hooks
        await self._endpoint.wait_closed()

    def _say_consequences(self) -> None:
        for sentence in consequences(self.settings.allow_host, self.settings.allow_origin):
            logger.warning("%s", sentence)

    # --- who is let in ---------------------------------------------------------------------------------------------

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        settings, site = self.settings, self.site()
        barred = who_is_let_in(
            request.headers.getall("Host", ()),
            request.headers.getall("Origin", ()),
            (*settings.allow_host, *(site.allowed_hosts if site is not None else ())),
            (*settings.allow_origin, *(site.allowed_origins if site is not None else ())),
            settings.advice,
        )
        if barred is None:
            return await client_errors.answer(request, handler)
        cause = (barred.header, barred.remedy)  # some send another value each time
        if cause not in self._hinted and len(self._hinted) < MAX_HINTS:
            self._hinted.add(cause)
            logger.warning("%s", barred)
        raise web.HTTPForbidden(text=f"{barred}\n")

    async def _let_pages_read(self, request: web.Request, response: web.StreamResponse) -> None:
        """Answers that another page may read say so to the one that asks: it was let in, or there is no handler."""
        origin = request.headers.get("Origin")
        if origin is not None and request.get(CROSS_ORIGIN):
            response.headers.update({"Access-Control-Allow-Origin": origin, "Vary": "Origin"})

    # --- what is served --------------------------------------------------------------------------------------------

    async def _home(self, request: web.Request) -> web.StreamResponse:
        if "Upgrade" not in request.headers:
            if "text/html" in request.headers.get("Accept", "") and ROOMS.name in self._dialects:
                raise web.HTTPFound(ROOMS.paths[0])
            return web.Response(text=page_files.HOME)
        dialect = next((dialect for dialect in self._dialects.values() if HOME in dialect.paths), None)
        if dialect is None:
            raise web.HTTPNotFound
        return await self._endpoint.serve(request, dialect)

    async def _health(self, request: web.Request) -> web.Response:
        request[CROSS_ORIGIN] = True
        now_ms = time.time_ns() // NS_PER_MS
        return web.json_response({"status": "ok", "timestamp": now_ms, "version": __version__, "boot": self.boot})

    async def _admit(self, request: web.Request) -> None:
        await self._endpoint.admit(request, ROOMS)

    def _clients(self) -> Iterator[str | None]:
        """Where each peer in a room is."""
        for room in self._hub.membership.rooms:
            for session in room.sessions.values():
                if session.connection is not None:
                    yield self._owner.address_of(session.connection)

    def _listed(self) -> Iterator[Room]:
        return (room for room in self._hub.membership.rooms if room.key.dialect == ROOMS.name and room.listed)

    async def _rooms(self, request: web.Request) -> web.Response:
        """The same list as the native dialect's `rooms`, for who has no WebSocket."""
        await self._admit(request)
        rooms = encode_room_list(self._hub.lobby.rooms(ROOMS.name))
        return web.Response(body=rooms, content_type="application/json")

    async def _page_or_socket(self, request: web.Request) -> web.StreamResponse:
        if "Upgrade" in request.headers or "text/html" not in request.headers.get("Accept", ""):
            return await self._endpoint.serve(request, ROOMS)
        return await self._lan_pages.page(request)

    async def _shared(self, request: web.Request) -> web.StreamResponse:
        dialect = by_query(DIALECTS.values(), request.query)
        if dialect is not None and dialect.name not in self._dialects:
            raise web.HTTPNotFound
        request[CROSS_ORIGIN] = dialect is not None and dialect.cross_origin
        return await self._endpoint.serve(request, dialect)

    def _socket(self, dialect: Dialect) -> Handler:
        async def serve(request: web.Request) -> web.StreamResponse:
            request[CROSS_ORIGIN] = dialect.cross_origin
            return await self._endpoint.serve(request, dialect)

        return serve

    async def _preflight(self, request: web.Request) -> web.Response:
        request[CROSS_ORIGIN] = True
        return web.Response(status=204, headers={"Access-Control-Allow-Methods": "GET"})


@asynccontextmanager
async def _while_running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Let `work` run beside what is done within, and end it."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _longest_grace_s(rules: Mapping[str, RoomRules]) -> float:
    return max(each.endings.longest_grace_s for each in rules.values())


def _hash(key: bytes, secret: str) -> str:
    return hmac.new(key, secret.encode(), "sha256").hexdigest()[:HASH_CHARS]
