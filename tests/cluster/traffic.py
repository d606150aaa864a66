"""Clients of a cluster that send frames all the time, and checks of what they receive.

Resumable clients (`tests/soak/ledger.py`) reconnect to any living sidecar. No frame between them is lost, duplicated or
reordered, and no peer is told that such a client has left. For plain clients, which do not reconnect, the same is true
as long as nothing happens to their sidecars.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp

from tests.kit.cluster_processes import ClusterProcesses, Instance
from tests.kit.programs import until
from tests.kit.receiving import receive_json
from tests.soak.ledger import Ledger, Page

ROOMS = 2
BROADCASTS = 0.1
EVERY_S = 0.01  # seconds after which a random resumable client and a random plain client send a frame
QUIET_WITHIN_S = 30.0


class PlainPeer:
    """A client of `mesh`, which does not reconnect."""

    def __init__(self, name: str, instance: Instance, ledger: Ledger, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.name, self.instance = name, instance
        self.sent: dict[str, int] = {}
        """Maps each receiver to the number of the last frame that was sent to it."""
        self.received: dict[str, int] = {}
        """Maps each sender to the number of the last frame that has arrived from it."""
        self.received_s: list[float] = []
        self._ledger, self._socket = ledger, socket

    async def send_to(self, to: PlainPeer) -> None:
        number = self.sent[to.name] = self.sent.get(to.name, 0) + 1
        await self._socket.send_json({"type": "offer", "from": self.name, "to": to.name, "n": number})

    async def run(self) -> None:
        try:
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._take(json.loads(message.data))
        finally:
            self._socket._response.close()
        if self.instance.is_unharmed:
            self._ledger.faults.append(f"the connection of {self.name} was closed with {self._socket.close_code}")

    def _take(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "peer-left":
            self._ledger.counts["plain peers that left"] += 1
            self._ledger.faults += [f"{self.name} was told that {frame['peerId']} has left"] * self._is_there(frame)
        if frame["type"] != "offer":
            return
        self.received_s.append(time.monotonic())
        before, number = self.received.get(frame["from"], 0), frame["n"]
        self.received[frame["from"]] = max(before, number)
        if number != before + 1:
            what = "lost before" if number > before else "doubled or reordered"
            self._ledger.faults.append(f"{what}: {number} of {frame['from']} to {self.name} after {before}")

    def _is_there(self, frame: dict[str, Any]) -> bool:
        return any(each.name == frame["peerId"] and each.instance.is_unharmed for each in self._ledger.plain)


class Traffic:
    def __init__(self, cluster: ClusterProcesses, session: aiohttp.ClientSession, seed: int) -> None:
        self.ledger = TrafficLedger()
        self._cluster, self._session, self._chance = cluster, session, random.Random(seed)
        self._plain_numbers = itertools.count(1)
        self._tasks: list[asyncio.Task[None]] = []
        self._talking: list[asyncio.Task[None]] = []

    async def open_page(self, room: str) -> Page:
        """Open a resumable client. Each time it connects, it chooses a random living sidecar."""
        number = len(self.ledger.pages()) + 1
        page = Page(self.ledger, f"peer-{number}", self._chance, room, f"page-{number}")
        self._tasks.append(asyncio.create_task(page.run(self._session, self._any_url), name=page.name))
        await until(page.joined.is_set, f"{page!r} has joined")
        self.ledger.rooms.setdefault(room, {})[page.name] = page
        return page

    async def open_plain(self, instance: Instance) -> PlainPeer:
        """Open a plain client of one sidecar."""
        name = f"plain-{next(self._plain_numbers)}"
        socket = await self._session.ws_connect(f"{instance.url}/ws/signaling/mesh")
        await socket.send_json({"type": "join", "peerId": name})
        assert (await receive_json(socket))["type"] == "peer-list"
        peer = PlainPeer(name, instance, self.ledger, socket)
        self.ledger.plain.append(peer)
        self._tasks.append(asyncio.create_task(peer.run(), name=name))
        return peer

    def _any_url(self) -> str:
        return f"{self._chance.choice(self._cluster.living).url}/ws/signaling"

    # --- talking ------------------------------------------------------------------------------------------------------

    def talk(self) -> None:
        """Let all clients send, until `settle`."""
        self._talking = [asyncio.create_task(each) for each in (self._talk_resumably(), self._talk_plainly())]

    async def _talk_resumably(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            sender = self._chance.choice(self.ledger.pages())
            others = self.ledger.others(sender)
            if self._chance.random() < BROADCASTS:
                await sender.send_to(others, is_broadcast=True)
            else:
                await sender.send_to([self._chance.choice(others)], is_broadcast=False)

    async def _talk_plainly(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            safe = self.ledger.safe_plain()
            if len(safe) > 1:
                sender, receiver = self._chance.sample(safe, 2)
                await sender.send_to(receiver)

    async def have_received(self, count: int) -> None:
        """Wait until the resumable clients have received this many further frames."""
        before = self.ledger.counts["delivered"]
        await until(lambda: self.ledger.counts["delivered"] >= before + count, f"{count} more frames have arrived")

    # --- what has happened --------------------------------------------------------------------------------------------

    async def settle(self, within_s: float) -> None:
        """Stop sending, wait until all frames that must arrive have arrived, and assert that there were no faults."""
        for task in self._talking:
            task.cancel()
        await asyncio.wait(self._talking)
        self.ledger.faults += [repr(each.exception()) for each in self._talking if not each.cancelled()]
        pages = self.ledger.pages()
        try:
            await until(lambda: not self._missing(), "everything has arrived", within_s)
            await until(lambda: all(map(self.ledger.sees_all, pages)), "all see all", within_s)
        except AssertionError as error:
            self.ledger.faults += [f"{error}: {[*map(repr, pages)]}", *self._missing()]
        self.ledger.faults += [f"{each.get_name()}: {each.exception()!r}" for each in self._tasks if _has_failed(each)]
        assert not self.ledger.faults, "\n".join(self.ledger.faults[:30])
        assert self.ledger.counts["delivered"] > 0

    def _missing(self) -> list[str]:
        plain = [
            f"lost: {sender.sent[to.name]} of {sender.name} to {to.name}"
            for sender in self.ledger.safe_plain()
            for to in self.ledger.safe_plain()
            if sender.sent.get(to.name, 0) != to.received.get(sender.name, 0)
        ]
        return plain + [f"lost: {page!r}" for page in self.ledger.pages() if page.waiting or page.awaited]

    def silence_s(self, since_s: float) -> float:
        """The longest time after `since_s` in which no plain client of an unharmed sidecar received anything."""
        times = sorted(each for peer in self.ledger.safe_plain() for each in peer.received_s if each >= since_s)
        return max((b - a for a, b in zip([since_s, *times], times, strict=False)), default=0.0)

    async def stop(self) -> None:
        for task in (*self._tasks, *self._talking):
            task.cancel()
        await asyncio.wait([*self._tasks, *self._talking])


class TrafficLedger(Ledger):
    def __init__(self) -> None:
        super().__init__()
        self.plain: list[PlainPeer] = []

    def safe_plain(self) -> Sequence[PlainPeer]:
        """The plain clients of sidecars that no test has stopped, killed or cut off."""
        return [each for each in self.plain if each.instance.is_unharmed]


def _has_failed(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None


@asynccontextmanager
async def traffic(
    cluster: ClusterProcesses, pages: int = 6, plain: int = 2, seed: int = 7, quiet_within_s: float = QUIET_WITHIN_S
) -> AsyncIterator[Traffic]:
    """Clients that send frames: resumable ones, and some plain ones at each sidecar.

    At the end of the block, it is asserted that there were no faults.
    """
    async with AsyncExitStack() as stack:
        connector = aiohttp.TCPConnector(limit=0)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        clients = Traffic(cluster, session, seed)
        stack.push_async_callback(clients.stop)
        for number in range(pages):
            await clients.open_page(f"room-{number % ROOMS}")
        for instance in cluster.instances:
            for _ in range(plain):
                await clients.open_plain(instance)
        clients.talk()
        yield clients
        await clients.settle(quiet_within_s)
