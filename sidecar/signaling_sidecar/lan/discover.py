"""Find the pages that are announced on the network, and check which of them respond."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from operator import attrgetter

from zeroconf import BadTypeInNameException, DNSQuestionType, IPVersion
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from signaling_sidecar.lan.multicast import multicast
from signaling_sidecar.lan.record import SERVICE_TYPE, Page, read_record
from signaling_sidecar.lan.verify import Neighbour, verified

PTR, IN = 12, 1  # RFC 1035 section 3.2
MAX_NAMES = 1000  # names that are considered; if a machine floods the network, zeroconf stores up to 10,000 records
MAX_QUESTIONS = 64  # names whose records are requested at the same time
RECORDS_WITHIN_MS = 1000  # ms; an answer may be delayed by 120 ms (RFC 6762 section 6), and a packet may be lost
ASK_AGAIN_S = 60.0  # seconds; zeroconf stops asking after four times within 14 s, but later announcements may be lost


class Browser:
    """Listens for announcements of pages. `browsing` creates it. A Browser needs a running event loop."""

    def __init__(self, dns: AsyncZeroconf) -> None:
        self._dns = dns
        self._good: set[str] = set()
        """Names of records whose page responded in the last call. These names are checked first, so that a flood
        of other records cannot use up the limits."""
        self._silent: set[str] = set()
        """Names for which no machine has sent the requested record. The sidecars that announced these names were
        probably killed. Other machines repeat the names for up to 19 min, because zeroconf extends the lifetime of 60
        s."""
        self._ask()

    async def neighbours(self) -> list[Neighbour]:
        """Return all pages that respond, including the page of this project. The call takes at most 3 s."""
        if asyncio.get_running_loop().time() - self._asked_s >= ASK_AGAIN_S:
            await self.stop()
            await self._dns.async_update_interfaces()
            self._ask()
        pages = {record.name: page for record in await self._records() if (page := _page(record)) is not None}
        found = await verified(pages.values())
        urls = {neighbour.url for neighbour in found}
        self._good = {name for name, page in pages.items() if page.url in urls}
        return found

    async def stop(self) -> None:
        await self._questions.async_cancel()

    def _ask(self) -> None:
        # The question type QM asks for multicast answers. A unicast answer may reach another program on this machine
        # that uses the same port.
        self._questions = AsyncServiceBrowser(
            self._dns.zeroconf, SERVICE_TYPE, [_hear], question_type=DNSQuestionType.QM
        )
        self._silent.clear()
        self._asked_s = asyncio.get_running_loop().time()

    async def _records(self) -> list[AsyncServiceInfo]:
        """Return all complete records. Records that are not in the cache are requested from the network."""
        dns = self._dns.zeroconf
        known, missing = [], []
        for name in self._names():
            record = _record(name)
            if record is not None and record.load_from_cache(dns):
                known.append(record)
            elif record is not None and name not in self._silent:
                missing.append(record)
        questions = [
            record.async_request(dns, RECORDS_WITHIN_MS, DNSQuestionType.QM) for record in missing[:MAX_QUESTIONS]
        ]
        for record, is_answered in zip(missing, await asyncio.gather(*questions), strict=False):
            if is_answered:
                known.append(record)
            else:
                self._silent.add(record.name)
        return known

    def _names(self) -> list[str]:
        pointers = self._dns.zeroconf.cache.get_all_by_details(SERVICE_TYPE, PTR, IN)
        names: list[str] = list(map(attrgetter("alias"), pointers))
        random.shuffle(names)
        return sorted(names, key=lambda name: name not in self._good)[:MAX_NAMES]


def _hear(**change: object) -> None:
    """Do nothing: zeroconf requires a callback, but `neighbours` reads the cache of zeroconf instead."""


def _record(name: str) -> AsyncServiceInfo | None:
    try:
        return AsyncServiceInfo(SERVICE_TYPE, name)
    except BadTypeInNameException:
        return None


def _page(record: AsyncServiceInfo) -> Page | None:
    return read_record(record.server or "", record.ip_addresses_by_version(IPVersion.All), record.properties)


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """Listen for announcements on all networks of this machine. Raises NoMulticast."""
    async with multicast() as dns:
        browser = Browser(dns)
        try:
            yield browser
        finally:
            await browser.stop()
