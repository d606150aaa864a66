"""The clients of the benchmark of relaying, which run in a process of their own."""

from __future__ import annotations

import asyncio
import json
import sys
from itertools import count
from typing import Any, NamedTuple

import aiohttp

from tests.dialects.manners import MANNERS
from tests.dialects.manners.manners import Frame, Manners, has

SDP_BYTES = 1500
LINE = "a=candidate:1 1 udp 2113937151 192.0.2.17 50123 typ host generation 0\r\n"
SDP = ("v=0\r\n" + LINE * (SDP_BYTES // len(LINE) + 1))[:SDP_BYTES]


class Client:
    """A peer, whose frames are read when its pair meets, and only counted afterwards."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.received = 0
        self._news = asyncio.Event()
        self._counting: asyncio.Task[None] | None = None

    async def send(self, frame: Frame) -> None:
        if isinstance(frame, bytes):
            await self.socket.send_bytes(frame)
        elif frame is not None:
            await self.socket.send_str(json.dumps(frame, separators=(",", ":")))

    async def hears(self, frame: Frame | None) -> None:
        while frame is not None:
            message = await self.socket.receive()
            assert message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY), message
            if has(json.loads(message.data) if message.type is aiohttp.WSMsgType.TEXT else message.data, frame):
                return

    def begin_to_count(self) -> None:
        self._counting = asyncio.create_task(self._count())

    async def has_received(self, frames: int) -> None:
        while self.received < frames:
            self._news.clear()
            await self._news.wait()

    async def _count(self) -> None:
        async for _ in self.socket:
            self.received += 1
            self._news.set()


class Pair(NamedTuple):
    sender: Client
    receiver: Client
    offer: Frame


class Clients:
    def __init__(self, session: aiohttp.ClientSession, url: str, pairs: int) -> None:
        self._session, self._url = session, url
        self._number_of_pairs = pairs
        self._names = count()
        self._pairs: dict[str, list[Pair]] = {}

    async def do(self, command: str) -> Any:
        match command.split():
            case ["meet", dialect]:
                manners = MANNERS[dialect]
                self._pairs[dialect] = [
                    await self._meet(manners, f"room-{dialect}-{number}") for number in range(self._number_of_pairs)
                ]
                for pair in self._pairs[dialect]:
                    pair.sender.begin_to_count()
                    pair.receiver.begin_to_count()
                return len(self._pairs[dialect])
            case ["relay", dialect, window, offers]:
                return await self._relay(self._pairs[dialect], int(window), int(offers))
        raise ValueError(command)

    async def _meet(self, manners: Manners, room: str) -> Pair:
        # The sidecar of the benchmark gives connections the same names in the same order, in dialects where it does.
        first, second = (f"peer-{next(self._names)}" for _ in range(2))
        sender = await self._entered(manners, room, first, 0)
        if not manners.waits_for_all:
            await sender.hears(manners.entered(room, first, []))
        receiver = await self._entered(manners, room, second, 1)
        if manners.waits_for_all:
            await sender.hears(manners.entered(room, first, [first, second]))
            await receiver.hears(manners.entered(room, second, [first, second]))
        else:
            await receiver.hears(manners.entered(room, second, [first]))
            await sender.hears(manners.joined(room, second))
        await self._settled()
        return Pair(sender, receiver, manners.offer(room, first, second, {"type": "offer", "sdp": SDP}))

    async def _entered(self, manners: Manners, room: str, name: str, place: int) -> Client:
        client = Client(await self._session.ws_connect(self._url + manners.path(room, name), max_msg_size=0))
        await client.hears(manners.greets(room, name))
        await client.send(manners.enter(room, name, place, 2))
        await self._settled()
        return client

    async def _settled(self) -> None:
        """Wait until the sidecar has handled all frames so far, also where it does not answer them."""
        for _ in range(2):
            async with self._session.get(f"{self._url}/health") as answer:
                await answer.read()

    async def _relay(self, pairs: list[Pair], window: int, offers: int) -> int:
        """Let all pairs relay at once. Returns how many frames arrived at any client."""
        clients = [client for pair in pairs for client in (pair.sender, pair.receiver)]
        before = sum(client.received for client in clients)
        await asyncio.gather(*(self._relay_of(pair, window, offers) for pair in pairs))
        await self._settled()
        return sum(client.received for client in clients) - before

    async def _relay_of(self, pair: Pair, window: int, offers: int) -> None:
        before = pair.receiver.received
        for sent in range(0, offers, window):
            for _ in range(window):
                await pair.sender.send(pair.offer)
            await pair.receiver.has_received(before + sent + window)


async def main(url: str, pairs: int) -> None:
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        clients = Clients(session, url.rstrip("/"), pairs)
        while command := await loop.run_in_executor(None, sys.stdin.readline):
            print(json.dumps(await clients.do(command)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
