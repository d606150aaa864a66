"""Announces our page on the LAN, and lists the pages of other sidecars there (`GET /ws/signaling/neighbours`)."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from signaling_sidecar.dialects import NATIVE
from signaling_sidecar.errors import NoMulticast, SettingsError
from signaling_sidecar.eventlog import state_dir
from signaling_sidecar.server.background import begin
from signaling_sidecar.settings import Settings
from signaling_sidecar.site import read_site

if TYPE_CHECKING:
    from signaling_sidecar.lan.announce import Announcer
    from signaling_sidecar.lan.discover import Browser
    from signaling_sidecar.lan.verify import Neighbour

PATH = f"{NATIVE.paths[0]}/neighbours"
FRESH_S = 3.0  # seconds for which a list of neighbours is reused, however many pages ask
TRY_AGAIN_S = 10.0  # seconds between two attempts while no network is available
INSTANCE_CHARS = 16  # hex digits; enough that no other sidecar has the same name by chance

logger = logging.getLogger("signaling_sidecar")


class _Answer(msgspec.Struct):
    announced: bool
    """Whether other sidecars can find our page now."""
    neighbours: list[Neighbour]


class Neighbours:
    """If the setting `announce` is on, announces our page and discovers other pages while the application runs.

    `admit` calls the `admit` hook for a request, and raises HTTPForbidden if the hook refuses the request.
    """

    def __init__(self, folder: Path, settings: Settings, admit: Callable[[web.Request], Awaitable[None]]) -> None:
        self._folder = folder
        self._settings = settings
        self._admit = admit
        self._announcer: Announcer | None = None
        self._browser: Browser | None = None
        self._work: list[asyncio.Task[None]] = []
        self._looking: asyncio.Task[list[Neighbour]] | None = None
        self._looked_s = 0.0

    def add_to(self, app: web.Application) -> None:
        app.router.add_get(PATH, self._answer)
        if self._settings.announce:
            app.cleanup_ctx.append(self._run)
            app.on_shutdown.append(self._withdraw)

    async def _run(self, app: web.Application) -> AsyncIterator[None]:
        """Announce and discover pages until `_withdraw`. Raises MissingExtra, and SettingsError if the dialect `rooms`,
        which the pages use, is not served."""
        dialects = self._settings.dialects
        if NATIVE.name not in dialects:
            raise SettingsError(
                "dialects", dialects, f"with {NATIVE.name!r}, which the pages on the LAN use", "--announce"
            )
        # Imported here because most starts do not need these modules, and zeroconf takes 100 ms to import.
        from signaling_sidecar.lan import page_of, require_lan_extra

        require_lan_extra("--announce")
        from signaling_sidecar.lan.announce import Announcer

        # The name stays the same after a restart, so that the new mDNS record replaces the old one in caches.
        digest = hmac.new(state_dir.key(self._folder), b"the name on the LAN", "sha256").hexdigest()
        instance = f"signaling-{digest[:INSTANCE_CHARS]}"
        self._announcer = Announcer(instance, lambda: page_of(read_site(self._folder)))
        self._work = [begin(_keep(work)) for work in (self._announcer.run, self._browse)]
        yield
        await asyncio.wait([task for task in (self._looking, *self._work) if task is not None])

    async def _withdraw(self, app: web.Application) -> None:
        """Withdraw the announcement while the connections are being closed, so that no new visitors come."""
        self._browser = None
        for task in filter(None, (self._looking, *self._work)):
            task.cancel()

    async def _browse(self) -> None:
        from signaling_sidecar.lan.discover import browsing  # imported here because it imports zeroconf, too

        async with browsing() as self._browser:
            await asyncio.Event().wait()

    async def _answer(self, request: web.Request) -> web.Response:
        await self._admit(request)
        found = await self._found()
        site = read_site(self._folder)
        own = site.network if site is not None else []
        others = [neighbour for neighbour in found if neighbour.url not in own]
        answer = _Answer(self._announcer is not None and self._announcer.page is not None, others)
        return web.Response(body=msgspec.json.encode(answer), content_type="application/json")

    async def _found(self) -> list[Neighbour]:
        if self._browser is None:
            return []
        now_s = asyncio.get_running_loop().time()
        if self._looking is None or (self._looking.done() and now_s - self._looked_s >= FRESH_S):
            self._looked_s = now_s
            self._looking = asyncio.create_task(self._browser.neighbours())
        return await asyncio.shield(self._looking)  # because other requests may wait for this task, too


async def _keep(work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` until it is cancelled. Without a network, print one warning, and try again after a while."""
    warned = None
    while True:
        try:
            await work()
        except NoMulticast as error:
            if str(error) != warned:
                logger.warning("%s", error)
            warned = str(error)
        await asyncio.sleep(TRY_AGAIN_S)
