"""Say where this project's page is, to whoever asks on its network. Only who asked for it announces."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext

from zeroconf import ServiceInfo

from signaling_sidecar.lan.multicast import multicast
from signaling_sidecar.lan.record import SERVICE_TYPE, Page, to_txt

LIFETIME_S = 60  # seconds, of every record; zeroconf's own 75 min would list a killed sidecar for that long
LOOK_S = 1.0  # seconds between two looks for another page; Vite is restarted in about as long

logger = logging.getLogger("signaling_sidecar")


class Announcer:
    """Announces the page that there is. `instance` is the name of its record, which nobody else has."""

    def __init__(self, instance: str, page_now: Callable[[], Page | None]) -> None:
        self._instance = instance
        self._page_now = page_now
        self.page: Page | None = None
        """What is announced now."""

    async def run(self) -> None:
        """Until cancelled: what is announced is withdrawn then, and when there is another page. Raises NoMulticast."""
        while True:
            page = self._page_now()
            async with self._announced(page) if page is not None else nullcontext():
                _say(page)
                while self._page_now() == page:  # noqa: ASYNC110 - a file tells nobody of its change
                    await asyncio.sleep(LOOK_S)

    @asynccontextmanager
    async def _announced(self, page: Page) -> AsyncIterator[None]:
        # On the page's own network only: who is on the same VPN was not meant.
        async with multicast(str(page.address)) as dns:
            # Nobody is asked whether the name is free: it is made of our own secret, and a stranger could deny it.
            repeated = await dns.async_register_service(_record(self._instance, page), cooperating_responders=True)
            await repeated  # or cancelled: nothing is said again after it was withdrawn
            self.page = page
            try:
                yield
            finally:
                self.page = None


def _say(page: Page | None) -> None:
    if page is None:
        logger.info("not announced on the LAN: no page is on the network (`vite --host` puts one there)")
    else:
        logger.info("announced on the LAN as %r: %s", page.name, page.url)


def _record(instance: str, page: Page) -> ServiceInfo:
    return ServiceInfo(
        SERVICE_TYPE,
        f"{instance}.{SERVICE_TYPE}",
        port=page.port,
        properties=to_txt(page),
        server=f"{instance}.local.",
        parsed_addresses=[str(page.address)],
        host_ttl=LIFETIME_S,
        other_ttl=LIFETIME_S,
    )
