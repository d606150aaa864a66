"""The soak test of one sidecar: peers send frames in rooms, join and leave, while the network breaks and the sidecar is
killed and reloaded.

The test has three parts, because the growth of a process can only be measured if the process is not killed. In the
first part, the sidecar is killed and reloaded. In the second, it is only reloaded, so its supervisor keeps running. In
the third, it is neither killed nor reloaded, so its serving process keeps running too.
"""

from __future__ import annotations

import asyncio
import random
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

import aiohttp

from tests.kit.fault_proxy import FaultProxy, fault_proxy
from tests.kit.killable_sidecar import KillableSidecar
from tests.kit.programs import until
from tests.soak.faults import Faults, memory_and_descriptors
from tests.soak.ledger import Ledger, Page

PEERS_PER_ROOM = 10
PROXIES = 4
FRAMES_PER_PEER_S = 1.0
BROADCASTS = 0.05  # share of the frames
QUIET_WITHIN_S = 60.0  # seconds in which outstanding frames must arrive; this is long because a machine may be busy
KILLING, RELOADING = 0.6, 0.15  # shares of the time for the first and the second part; the third part takes the rest
WARM_UP = 0.3  # share of the second and of the third part before the memory is measured for the first time
RELOAD_EVERY_S = 4.0


class Plan(NamedTuple):
    seconds: float = 1800.0
    peers: int = 200
    kills: int = 100
    stay_s: float = 150.0
    """Seconds that a page lives on average, until it reloads, crashes, or its peer leaves."""


class Growth(NamedTuple):
    """The resident memory in KiB and the number of open files of a process, at two times with equally many peers."""

    process: str
    memory: tuple[int, int]
    descriptors: tuple[int, int]


class Soak:
    def __init__(self, plan: Plan, sidecar: KillableSidecar, chance: random.Random, say: Callable[[str], None]) -> None:
        self.ledger = Ledger()
        self.growth: list[Growth] = []
        self._plan, self._sidecar, self._chance, self._say = plan, sidecar, chance, say
        self._names = count(1)
        self._proxies: list[FaultProxy] = []
        self._session: aiohttp.ClientSession
        self._running: dict[Page, asyncio.Task[None]] = {}
        self._lives = False
        self._changes: list[asyncio.Task[None]] = []
        """Tasks that replace pages."""

    async def run(self) -> None:
        await self._sidecar.start("--reload")
        async with AsyncExitStack() as stack:
            self._session = await stack.enter_async_context(
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
            )
            for _ in range(PROXIES):
                self._proxies.append(await stack.enter_async_context(fault_proxy(self._sidecar.port)))
            stack.push_async_callback(self._stop)
            faults = Faults(self.ledger, self._sidecar, self._proxies, self._chance)
            for number in range(self._plan.peers):
                await self._open(f"room-{number // PEERS_PER_ROOM}")
            await self._settle()
            await self._kill_and_reload(faults)
            await self._reload(faults)
            await self._only_churn(faults)

    # --- the three parts --------------------------------------------------------------------------------------------

    async def _kill_and_reload(self, faults: Faults) -> None:
        part_s = KILLING * self._plan.seconds

        async def break_it() -> None:
            every_s, begin_s = part_s / self._plan.kills, _now_s()
            for number in range(self._plan.kills):
                if number % 2:
                    await faults.reload()
                await asyncio.sleep(begin_s + (number + self._chance.random()) * every_s - _now_s())
                await faults.kill()

        async with self._life(faults):
            await break_it()
        await self._settle()

    async def _reload(self, faults: Faults) -> None:
        part_s = RELOADING * self._plan.seconds

        async def reload_again_and_again(seconds: float) -> None:
            end_s = _now_s() + seconds
            while _now_s() < end_s:
                await asyncio.sleep(RELOAD_EVERY_S * self._chance.random())
                await faults.reload()

        await self._measured("supervisor", lambda: self._sidecar.pid, faults, part_s, reload_again_and_again)

    async def _only_churn(self, faults: Faults) -> None:
        part_s = (1 - KILLING - RELOADING) * self._plan.seconds
        await self._measured("serving process", lambda: self._sidecar.serving_pid, faults, part_s, asyncio.sleep)

    async def _measured(
        self,
        process: str,
        pid: Callable[[], int | None],
        faults: Faults,
        seconds: float,
        during: Callable[[float], Awaitable[None]],
    ) -> None:
        """Let peers send frames for some seconds, and measure the process after a warm-up and at the end."""
        found = []
        for share in (WARM_UP, 1 - WARM_UP):
            async with self._life(faults):
                await during(share * seconds)
            await self._settle()
            found.append(memory_and_descriptors(pid()))
        memory, descriptors = zip(*found, strict=True)
        self.growth.append(Growth(process, memory, descriptors))

    # --- life -------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _life(self, faults: Faults) -> AsyncIterator[None]:
        """In the block, peers send frames, join and leave, and the network breaks. At the end, wait until all this has
        ended."""
        self._lives = True
        tasks = [
            asyncio.create_task(each)
            for each in (self._talk(), self._come_and_go(), faults.break_the_network(lambda: self._lives))
        ]
        try:
            yield
        finally:
            self._lives = False
            await asyncio.gather(*tasks)
            await asyncio.gather(*self._changes)
            self._changes.clear()

    async def _talk(self) -> None:
        while self._lives:
            await asyncio.sleep(1 / (FRAMES_PER_PEER_S * self._plan.peers))
            sender = self._chance.choice(self.ledger.pages())
            others = self.ledger.others(sender)
            if others and self._chance.random() < BROADCASTS:
                await sender.send_to(others, is_broadcast=True)
            elif others:
                await sender.send_to([self._chance.choice(others)], is_broadcast=False)

    async def _come_and_go(self) -> None:
        while self._lives:
            await asyncio.sleep(self._plan.stay_s / self._plan.peers * 2 * self._chance.random())
            page = self._chance.choice(self.ledger.pages())
            del self.ledger.rooms[page.room][page.name]  # later frames need not reach it
            self._changes.append(asyncio.create_task(self._change(page)))

    async def _change(self, page: Page) -> None:
        """End a page, and open another one: the same peer after a reload, or a new peer after a leave or a crash."""
        how = self._chance.choice(("left", "reloaded", "reloaded", "crashed"))
        await until(lambda: not page.awaited and not page.waiting, f"{page!r} has received everything", QUIET_WITHIN_S)
        page.ended = True
        self.ledger.counts[f"pages that {how}"] += 1
        if how == "left":
            await page.leave()
        await self._cancel(page)
        if how == "reloaded":
            await self._open(page.room, page)
        else:
            await self._open(self._chance.choice(list(self.ledger.rooms)))

    async def _open(self, room: str, reloaded: Page | None = None) -> None:
        number = next(self._names)
        name = f"peer-{number}" if reloaded is None else reloaded.name
        token = None if reloaded is None else reloaded.token
        page = Page(self.ledger, name, self._chance, room, f"page-{number}", token)
        url = f"http://127.0.0.1:{self._chance.choice(self._proxies).port}/ws/signaling"
        self._running[page] = asyncio.create_task(page.run(self._session, url), name=page.instance)
        await until(page.joined.is_set, f"{page!r} has joined", QUIET_WITHIN_S)
        self.ledger.rooms.setdefault(room, {})[page.name] = page

    async def _settle(self) -> None:
        """Wait until all expected frames have arrived, and each page shows all others in its room."""
        self._say(", ".join(f"{name}: {number}" for name, number in sorted(self.ledger.counts.items())))
        pages = self.ledger.pages()
        await until(lambda: not any(page.waiting or page.awaited for page in pages), "all has arrived", QUIET_WITHIN_S)
        await until(lambda: all(map(self.ledger.sees_all, pages)), "all see all", QUIET_WITHIN_S)

    async def _cancel(self, page: Page) -> None:
        task = self._running.pop(page)
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            self.ledger.faults.append(f"{page!r} ended: {task.exception()!r}")

    async def _stop(self) -> None:
        for page in list(self._running):
            await self._cancel(page)
        await self._sidecar.end(lambda process: process.terminate())


def _now_s() -> float:
    return asyncio.get_running_loop().time()


async def soak(plan: Plan, folder: Path, seed: int, say: Callable[[str], None] = lambda line: None) -> Soak:
    """Run the soak test in an empty folder. At the end of each part, `say` is called with the counts so far.

    An exception, for example after a timeout, becomes one of the faults in the ledger.
    """
    done = Soak(plan, KillableSidecar(folder, own_code=True), random.Random(seed), say)
    try:
        await done.run()
    except Exception:
        done.ledger.faults.append(traceback.format_exc())
    if "Traceback" in (printed := (folder / "stderr.txt").read_text()):
        done.ledger.faults.append(f"the sidecar has printed a traceback:\n{printed[-3000:]}")
    return done
