"""Creates the parts of the sidecar, connects them as one aiohttp application, and starts and stops them in order."""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from aiohttp import web

from signaling_sidecar.auth import RevocableTokens, Revocations
from signaling_sidecar.auth import verifier as token_verifier
from signaling_sidecar.dialects import DIALECTS, NATIVE, Dialect
from signaling_sidecar.eventlog import state_dir
from signaling_sidecar.eventlog.boot_ids import new_boot_id
from signaling_sidecar.hub import RoomRules
from signaling_sidecar.hub.effects import Record
from signaling_sidecar.reload import watch_settings
from signaling_sidecar.reload.reload_extra import has_reload_extra
from signaling_sidecar.server.admin.api import AdminApi
from signaling_sidecar.server.analysis_process import AnalysisProcess
from signaling_sidecar.server.authorisation.command_checks import CommandChecks
from signaling_sidecar.server.authorisation.gate import Gate
from signaling_sidecar.server.authorisation.revoking import Revoking
from signaling_sidecar.server.authorisation.token_required import TokenRequired
from signaling_sidecar.server.background import running
from signaling_sidecar.server.drain import Drain
from signaling_sidecar.server.held_state_dir import HeldStateDir
from signaling_sidecar.server.http import client_errors, request_ids
from signaling_sidecar.server.http.access import Access
from signaling_sidecar.server.http.advice import consequences
from signaling_sidecar.server.http.dialect_routes import DialectRoutes
from signaling_sidecar.server.http.health import NOT_IN_CLUSTER, Health
from signaling_sidecar.server.http.wrong_paths import WrongPaths
from signaling_sidecar.server.ice_servers import IceServers
from signaling_sidecar.server.inspector.page import page_routes
from signaling_sidecar.server.metrics.measured import Measured
from signaling_sidecar.server.metrics.page import MetricsPage
from signaling_sidecar.server.own_hub import OwnHub
from signaling_sidecar.server.pages.neighbours import Neighbours
from signaling_sidecar.server.pages.peers_in_rooms import PeersInRooms
from signaling_sidecar.server.pages.status_page import StatusPage
from signaling_sidecar.server.rooms_access import RoomsAccess
from signaling_sidecar.server.run_log import LOOK_EVERY_S
from signaling_sidecar.server.sockets.endpoint import Endpoint, new_given_id
from signaling_sidecar.server.sockets.front import Front
from signaling_sidecar.server.sockets.token_holders import TokenHolders
from signaling_sidecar.server.tick import Tick
from signaling_sidecar.settings import Settings, Sources
from signaling_sidecar.site import Site, read_site

if TYPE_CHECKING:
    from signaling_sidecar.server.clustered.shared_hub import SharedHub
    from signaling_sidecar.server.user_hooks.checks import HookChecks

HASH_CHARS = 16  # hex digits, so 64 bits: this is enough, because nobody can search for a collision without the key

logger = logging.getLogger("signaling_sidecar")


class Sidecar:
    """One run of the sidecar: its hub, its event log, and its connections. Nothing runs until the application that
    `app` returns is started.

    `sources` are the flags, the environment and the settings file that `settings` were read from. With `sources`,
    changes of the settings file apply while the sidecar runs. `reloaded` is true if this run replaces one with older
    code. The event log then records that.
    """

    def __init__(self, settings: Settings, sources: Sources | None = None, *, reloaded: bool = False) -> None:
        if not settings.dialects:
            settings = replace(settings, dialects=tuple(DIALECTS))
        self.settings = settings
        self._sources = sources
        self._reloaded = reloaded
        self.admin_token = secrets.token_urlsafe(32)
        self.state_dir = settings.state_dir or state_dir.project_state_dir(settings.project)
        self.held_state_dir = HeldStateDir(self.state_dir)
        with state_dir.used(self.state_dir):
            self.boot = new_boot_id(self.state_dir)
        self._dialects = {name: DIALECTS[name] for name in settings.dialects}
        self._rules = self._rules_of(settings)
        self._hub: OwnHub | SharedHub = (
            OwnHub(self.boot, self.held_state_dir) if settings.cluster is None else self._shared_hub()
        )
        self.rooms: RoomsAccess = self._hub
        self._front: Front
        self._endpoint: Endpoint
        self._hooks: HookChecks | None = None
        self._drain = Drain()
        self._health = Health(self.boot, lambda: self._drain.is_draining, self._hub.why_not_ready)
        self._access = Access(lambda: self.settings, self.site)
        verifier = token_verifier(settings)
        tokens = None if verifier is None else RevocableTokens(verifier, Revocations())
        self._gate = None if tokens is None else Gate(tokens, self.admin_token)
        # `--auth token` has one shared secret without `jti` and `sub`, so it cannot be revoked.
        self._revoking = None if tokens is None or settings.auth == "token" else Revoking(tokens, self.held_state_dir)
        self._analysis = AnalysisProcess(self.state_dir, self.boot)
        self._admin = AdminApi(
            self.admin_token,
            self.boot,
            self.rooms,
            self._analysis,
            lambda: self._access.refused,
            self._gate,
            self._revoking,
        )
        self._metrics = MetricsPage(self._admin.guarded, lambda: self.settings.metrics_token)

    def site(self) -> Site | None:
        """The addresses of the pages, from the file that Vite's plugin writes, or None while Vite is not running."""
        return read_site(self.state_dir)

    def app(self) -> web.Application:
        app = web.Application()
        request_ids.add_to(app)
        self._access.add_to(app)
        if self._gate is not None:
            TokenRequired(self._gate).add_to(app)
        WrongPaths().add_to(app)
        app.cleanup_ctx.extend([client_errors.keep_out_of_the_log, self._run])
        Neighbours(self.state_dir, self.settings, self._admit).add_to(app)
        app.on_shutdown.append(self._close_connections)
        page = StatusPage(self.boot, self._dialects, self.site, self._addresses, self._admit)
        peers = PeersInRooms(self._analysis, self.rooms, self._admit)
        dialects = DialectRoutes(
            self._dialects,
            self._serve,
            self._admit,
            lambda: self.settings,
            self.rooms,
            new_given_id,
            page.page,
        )
        app.router.add_routes(page_routes())
        for part in (self._admin, self._health, self._metrics, page, peers, dialects):
            app.router.add_routes(part.routes())
        return app

    async def drain(self) -> None:
        """Close the connections in waves if `drain_s` is set. The application must be stopped afterwards."""
        await self._hub.hand_over()
        await self._drain.run(self.settings.drain_s)

    # --- life --------------------------------------------------------------------------------------------------------

    async def _run(self, app: web.Application) -> AsyncIterator[None]:
        with self.held_state_dir.held():
            with state_dir.used(self.state_dir):
                await self._hub.open(self.settings, self._rules, reloaded=self._reloaded)
            if self._revoking is not None:
                self._revoking.load()
            self._connect_parts()
            if not self._reloaded:
                self._warn_of_open_access()
            async with AsyncExitStack() as work:
                work.push_async_callback(self._hub.stop)  # the hub is stopped last, even if another part fails
                await work.enter_async_context(self._hub.running(self._use_hooks))
                if self._sources is not None and has_reload_extra():
                    following = watch_settings(self._sources, self.settings, self._apply)
                    await work.enter_async_context(running(following))
                await work.enter_async_context(running(self._look_after()))
                yield
                if self._gate is not None:
                    self._gate.record_rest()

    def _connect_parts(self) -> None:
        tick = Tick()
        self._front = Front(tick, IceServers(self.settings))
        self._hub.begin(self._front, tick)
        self._front.owner = owner = self._hub.owner
        tick.handle, tick.send = self._front.handle_taken, self._front.outgoing.flush
        if self._gate is not None:
            self._gate.record = owner.record
            checks = CommandChecks(self._rules, self._conceal, self._gate.wait_of_subject_s)
            self._front.token_holders = holders = TokenHolders(self._gate, checks, self._front.close_connection)
            if self._revoking is not None:
                self._revoking.begin(holders.close_all_of, owner.record)
                self._hub.share_revocations(self._revoking)
        self._endpoint = Endpoint(
            self.settings, self._dialects, self._front, self._conceal, self._gate, self._hub.new_connection_id
        )
        self._admin.begin(self._hub.log)
        self._drain.begin(self._front, self._hub.hold_deadlines)
        self._metrics.begin(
            Measured(
                log=self._hub.log,
                front=self._front,
                counts=self._hub.counts,
                dialects=self._rules,
                settings=lambda: self.settings,
                is_ready=lambda: self._health.why_not_ready() is None,
                hub_here=self._hub.hub_here,
                in_cluster=self._hub.in_cluster,
            )
        )

    def _use_hooks(self, hooks: HookChecks) -> None:
        self._hooks = self._endpoint.hooks = hooks

    def _apply(self, settings: Settings, names: list[str]) -> None:
        """Use settings that have changed while the sidecar is running. `names` are the names of the changed
        settings."""
        self.settings = self._endpoint.settings = settings
        self._front.outgoing.ice_servers = IceServers(settings)
        self._hub.apply(settings, self._rules_of(settings))
        self._front.owner.record(Record("settings.changed", data={name: getattr(settings, name) for name in names}))
        if {"allow_host", "allow_origin"} & set(names):
            self._warn_of_open_access()

    def _rules_of(self, settings: Settings) -> dict[str, RoomRules]:
        """Return the rules of each dialect. In a cluster, the owner also has rooms of dialects that only other
        instances serve."""
        dialects = self._dialects if settings.cluster is None else DIALECTS
        return {name: dialect.rules(settings) for name, dialect in dialects.items()}

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.held_state_dir.look_after()
            self._hub.look_after()
            if self._gate is not None:
                self._gate.record_due()

    async def _close_connections(self, app: web.Application) -> None:
        self._admin.end_inspector()
        await self._hub.hand_over()
        self._front.close_oldest(len(self._front))
        if self._hooks is not None:
            self._hooks.stop()  # so that the tasks that read connections do not wait for running hooks
        await self._analysis.stop()
        await self._endpoint.wait_closed()
        self._admin.end_streams()  # after the records of the ends of all connections

    def _shared_hub(self) -> SharedHub:
        # Imported here because most sidecars are in no cluster.
        from signaling_sidecar.server.clustered.shared_hub import SharedHub

        return SharedHub(self.boot, self.held_state_dir, DIALECTS, lambda: self._front.close_oldest(len(self._front)))

    def _warn_of_open_access(self) -> None:
        for sentence in consequences(self.settings.allow_host, self.settings.allow_origin):
            logger.warning("%s", sentence)

    # --- HTTP requests ---------------------------------------------------------------------------------------------

    async def _serve(self, request: web.Request, dialect: Dialect | None) -> web.StreamResponse:
        self._drain.refuse_new_connections()
        if not self._hub.is_open:
            raise web.HTTPServiceUnavailable(text=f"{NOT_IN_CLUSTER.message}\n", headers={"Retry-After": "1"})
        return await self._endpoint.serve(request, dialect)

    async def _admit(self, request: web.Request, dialect: Dialect = NATIVE) -> None:
        """Call the `admit` hook for a plain HTTP request. Raises HTTPForbidden if the hook refuses the request."""
        await self._endpoint.admit(request, dialect)

    async def _addresses(self) -> list[str | None]:
        """Return the IP address of each peer that is in a room and connected to this sidecar, or None where it is
        unknown."""
        hub = await self.rooms.hub()
        here = {connection.id: connection.address for connection in self._front.connections}
        sessions = (session for room in hub.membership.rooms for session in room.sessions.values())
        return [here[session.connection] for session in sessions if session.connection in here]

    def _conceal(self, secret: str) -> str:
        """Return the keyed hash that replaces a secret, such as a pairing code, in the log and in room ids."""
        return hmac.new(self.held_state_dir.key, secret.encode(), "sha256").hexdigest()[:HASH_CHARS]
