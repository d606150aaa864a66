"""Simulate the clients of a benchmark in a separate process. The benchmark sends commands to this process."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, count, cycle
from typing import Any, NamedTuple

import uvloop

from tests.bench.cores import LOAD, on_core
from tests.bench.manners import ACKNOWLEDGES, ALL_MANNERS
from tests.bench.pair import Pair
from tests.dialects.manners.manners import Manners
from tests.kit.checkout import ROOT
from tests.kit.light_client import Client, masked

SDP_BYTES = 1500
LINE = "a=candidate:1 1 udp 2113937151 192.0.2.17 50123 typ host generation 0\r\n"
SDP = ("v=0\r\n" + LINE * (SDP_BYTES // len(LINE) + 1))[:SDP_BYTES]

WITHIN_S = 60.0  # seconds for one command


class Relayed(NamedTuple):
    sent: int
    received: int
    """How many frames arrived, at all clients together."""
    p50_us: float
    p99_us: float


class Load:
    """Sends commands to the process that simulates the clients. Each method waits until its command is done.

    `dialect` is a name in `ALL_MANNERS`.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def meet(self, dialect: str, pairs: int) -> None:
        """Let pairs of clients connect, and let each pair join a room of its own."""
        self._ask("meet", dialect, pairs)

    def relay(self, dialect: str, window: int, seconds: float) -> Relayed:
        """Let all connected pairs relay offers at the same time."""
        return Relayed(*self._ask("relay", dialect, window, seconds))

    def take_turns(self, dialect: str, at_once: int, seconds: float) -> Relayed:
        """Let random pairs relay one offer each, so that `at_once` offers are always in flight."""
        return Relayed(*self._ask("take_turns", dialect, at_once, seconds))

    def gather(self, dialect: str, peers: int) -> None:
        """Let clients join one room, one after the other, and wait until each client is told about all others."""
        self._ask("gather", dialect, peers)

    def scatter(self, dialect: str, peers: int) -> None:
        """Let clients join, each in a room of its own."""
        self._ask("scatter", dialect, peers)

    def _ask(self, *words: object) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(*words, file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise ChildProcessError("the process of the clients has ended; its last lines on stderr tell why")
        return json.loads(line)


@contextmanager
def load_on(*ports: int) -> Iterator[Load]:
    """Start the process that simulates the clients. The clients connect to these ports of 127.0.0.1 in turn."""
    words = [sys.executable, "-m", "tests.bench.clients", *map(str, ports)]
    with on_core(LOAD):
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True)
    with process:
        try:
            yield Load(process)
        finally:
            process.kill()


class Clients:
    """Runs in the process that simulates the clients, and carries out the commands that `Load` sends to it."""

    def __init__(self, *ports: int) -> None:
        self._ports = cycle(ports)
        self._names = count()
        self._clients: list[Client] = []
        self._pairs: dict[str, list[Pair]] = {}

    async def do(self, command: str) -> Any:
        match command.split():
            case ["meet", dialect, pairs]:
                self._pairs[dialect] = [await self._meet(dialect, f"room-{dialect}-{n}") for n in range(int(pairs))]
            case ["relay", dialect, window, seconds]:
                return await self._relay(self._pairs[dialect], int(window), float(seconds))
            case ["take_turns", dialect, at_once, seconds]:
                return await self._take_turns(self._pairs[dialect], int(at_once), float(seconds))
            case ["gather", dialect, peers]:
                await self._gather(ALL_MANNERS[dialect], int(peers))
            case ["scatter", dialect, peers]:
                for name in (f"alone-{next(self._names)}" for _ in range(int(peers))):
                    client = await self._entered(ALL_MANNERS[dialect], name, name, 0)
                    await client.hears(ALL_MANNERS[dialect].entered(name, name, []))
            case _:
                raise ValueError(command)
        return None

    def losses(self) -> Sequence[asyncio.Future[None]]:
        return [client.lost for client in self._clients]

    async def _meet(self, dialect: str, room: str) -> Pair:
        manners, acknowledge = ALL_MANNERS[dialect], ACKNOWLEDGES.get(dialect)
        # In some dialects, the server chooses the peer ids. `tests.bench.dialects` replaces the function that chooses
        # them, so that the server chooses these names, too.
        first, second = (f"peer-{next(self._names)}" for _ in range(2))
        sender = await self._entered(manners, room, first, 0)
        if manners.waits_for_all:
            await sender.settled()
        else:
            await sender.hears(manners.entered(room, first, []))
        receiver = await self._entered(manners, room, second, 1)
        if manners.waits_for_all:
            await sender.hears(manners.entered(room, first, [first, second]))
            await receiver.hears(manners.entered(room, second, [first, second]))
        else:
            await receiver.hears(manners.entered(room, second, [first]))
            await sender.hears(manners.joined(room, second))
        await sender.settled()
        await receiver.settled()
        body = {"type": "offer", "sdp": SDP}
        copies = manners.is_confirmation(first, manners.arrives(room, first, second, body))
        return Pair(
            sender,
            receiver,
            masked(manners.offer(room, first, second, body)),
            sender_gets_copies=copies,
            acknowledge=None if acknowledge is None else lambda count: masked(acknowledge(count)),
        )

    async def _entered(self, manners: Manners, room: str, name: str, place: int) -> Client:
        client = await self._connected(manners, room, name)
        await client.hears(manners.greets(room, name))
        client.write(masked(manners.enter(room, name, place, 2)))
        return client

    async def _connected(self, manners: Manners, room: str, name: str) -> Client:
        client = Client(manners.path(room, name))
        await asyncio.get_running_loop().create_connection(lambda: client, "127.0.0.1", next(self._ports))
        self._clients.append(client)
        return await client.opened()

    async def _relay(self, pairs: list[Pair], window: int, seconds: float) -> Relayed:
        before = sum(pair.received for pair in pairs)
        until_s = time.perf_counter() + seconds
        await asyncio.gather(*(pair.relay(window, until_s) for pair in pairs))
        latencies_s = list(chain.from_iterable(pair.latencies_s for pair in pairs))
        return _relayed(sum(pair.received for pair in pairs) - before, latencies_s)

    async def _take_turns(self, pairs: list[Pair], at_once: int, seconds: float) -> Relayed:
        before = sum(pair.received for pair in pairs)
        until_s = time.perf_counter() + seconds
        waiting, latencies_s = random.sample(pairs, len(pairs)), list[float]()

        async def relay() -> None:
            while time.perf_counter() < until_s:
                pair = waiting.pop(random.randrange(len(waiting)))
                await pair.relay(1, 0.0)
                latencies_s.extend(pair.latencies_s)
                waiting.append(pair)

        await asyncio.gather(*(relay() for _ in range(at_once)))
        return _relayed(sum(pair.received for pair in pairs) - before, latencies_s)

    async def _gather(self, manners: Manners, peers: int) -> None:
        # Each client receives the list of the peers that are in the room, and later a notice for each newcomer.
        missing = peers + peers * (peers - 1) // 2
        all_arrived = asyncio.Event()

        def arrived(frames: int) -> None:
            nonlocal missing
            missing -= frames
            if missing == 0:
                all_arrived.set()

        for n in range(peers):
            client = await self._connected(manners, "crowd", f"peer-{n}")
            client.count_only(arrived)
            # The clients do not read the notices yet, because this would slow down the joins that follow.
            client.transport.pause_reading()
            client.write(masked(manners.enter("crowd", f"peer-{n}", n, peers)))
        for client in self._clients:
            client.transport.resume_reading()
        await all_arrived.wait()


def _relayed(received: int, latencies_s: list[float]) -> Relayed:
    latencies_us = sorted(1e6 * each for each in latencies_s)
    count = len(latencies_us)
    return Relayed(count, received, latencies_us[count // 2], latencies_us[count * 99 // 100])


async def main(*ports: int) -> None:
    loop = asyncio.get_running_loop()
    clients = Clients(*ports)
    while command := await loop.run_in_executor(None, sys.stdin.readline):
        doing = asyncio.ensure_future(clients.do(command))
        ends = {doing, *clients.losses()}
        await asyncio.wait(ends, timeout=WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            sys.exit(f"{command!r}: a connection was lost, or the server did not answer within {WITHIN_S:g} s")
        print(json.dumps(doing.result()), flush=True)


if __name__ == "__main__":
    uvloop.run(main(*map(int, sys.argv[1:])))
