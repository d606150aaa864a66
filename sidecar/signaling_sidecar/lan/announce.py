"""Announce the URL of this project's page on the local network. The page is only announced if the setting
`announce` is on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext

from zeroconf import ServiceInfo

from signaling_sidecar.lan.multicast import multicast
from signaling_sidecar.lan.record import SERVICE_TYPE, Page, to_txt

# Seconds; the lifetime of each record. With zeroconf's default, a killed sidecar would be listed for 75 min.
LIFETIME_S = 60
LOOK_S = 1.0  # seconds between two checks whether the page has changed; Vite takes about as long to restart

logger = logging.getLogger("signaling_sidecar")


class Announcer:
    """Announces the page that `page_now` returns. `instance` is the unique name of its DNS record."""

    def __init__(self, instance: str, page_now: Callable[[], Page | None]) -> None:
        self._instance = instance
        self._page_now = page_now
        self.page: Page | None = None
        """The page that is currently announced."""

    async def run(self) -> None:
        """Announce the page until the task is cancelled. Raises NoMulticast.

        The announcement is withdrawn at the end, and replaced when the page changes.
        """
        while True:
            page = self._page_now()
            async with self._announced(page) if page is not None else nullcontext():
                _log(page)
                while self._page_now() == page:  # noqa: ASYNC110 - there is no event for the change of the file
                    await asyncio.sleep(LOOK_S)

    @asynccontextmanager
    async def _announced(self, page: Page) -> AsyncIterator[None]:
        # The page is announced only on the network of its own address, and not on a VPN, for example.
        async with multicast(str(page.address)) as dns:
            # zeroconf must not ask whether the name is free. The name is derived from a secret, so it is unique, and
            # another machine could prevent the announcement by claiming the name.
            repeated = await dns.async_register_service(_record(self._instance, page), cooperating_responders=True)
            await repeated  # if this wait is cancelled, zeroconf sends no further announcement
            self.page = page
            try:
                yield
            finally:
                self.page = None


def _log(page: Page | None) -> None:
    if page is None:
        reason = "Vite has no address on a local network (start it with `vite --host`, while this machine is in one)"
        logger.info("not announced on the LAN: %s", reason)
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
