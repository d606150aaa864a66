"""In each test, one kind of fault is repeated.

No acknowledged frame is lost or duplicated, and no peer is announced as left. `tests/soak` causes all kinds of faults
together, for longer.
"""

from __future__ import annotations

import asyncio
import random
import resource
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from tests.dialects.manners import MANNERS
from tests.dialects.manners.meeting import meet
from tests.kit.fault_proxy import FaultProxy, fault_proxy
from tests.kit.killable_sidecar import KillableSidecar
from tests.kit.live_objects import forget_earlier_objects, live
from tests.kit.programs import until
from tests.kit.resuming_client import ResumingClient
from tests.kit.serving import serve

CLIENTS = 15
FAULTY_S = 3.0
QUIET_WITHIN_S = 60.0  # seconds; the machine may be busy
SEED = 7


@asynccontextmanager
async def clients_of(port: int, chance: random.Random) -> AsyncIterator[list[ResumingClient]]:
    clients = [ResumingClient(f"peer-{number}", chance) for number in range(CLIENTS)]
    async with aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{port}/ws/signaling"
        tasks = [asyncio.create_task(each.run(session, url), name=each.name) for each in clients]
        for task in tasks:
            task.add_done_callback(_say_why)
        try:
            await all_see_all(clients)
            for each in clients:
                each.seen.clear()
            yield clients
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _say_why(task: asyncio.Task[None]) -> None:
    """Print the error of a client that has ended before the end of the test."""
    if not task.cancelled():
        print(task.get_name(), "ended:", repr(task.exception()))


async def all_see_all(clients: list[ResumingClient]) -> None:
    """Wait until each client sees all others, and none of them as away."""
    names = {each.name for each in clients}
    await until(
        lambda: all(each.view == dict.fromkeys(names - {each.name}, False) for each in clients),
        "all see all",
        QUIET_WITHIN_S,
    )


async def talk(clients: list[ResumingClient], chance: random.Random) -> None:
    while True:
        sender, receiver = chance.sample(clients, 2)
        await sender.send(None if chance.random() < 0.05 else receiver.name)
        await asyncio.sleep(0.002)


async def reset(sidecar: KillableSidecar, proxy: FaultProxy) -> None:
    proxy.reset()


async def half_close(sidecar: KillableSidecar, proxy: FaultProxy) -> None:
    proxy.half_close()


async def stall(sidecar: KillableSidecar, proxy: FaultProxy) -> None:
    await proxy.stall(0.3)


async def kill(sidecar: KillableSidecar, proxy: FaultProxy) -> None:
    await sidecar.end(lambda process: process.kill())
    await sidecar.start()


async def stop(sidecar: KillableSidecar, proxy: FaultProxy) -> None:
    await sidecar.end(lambda process: process.terminate())
    await sidecar.start()


async def save_the_hooks(sidecar: KillableSidecar, proxy: FaultProxy) -> None:
    sidecar.saves += 1
    sidecar.hooks.write_text(f"def on_relay(relay):\n    return True  # {sidecar.saves}\n")


async def save_the_sidecar(sidecar: KillableSidecar, proxy: FaultProxy) -> None:
    sidecar.save_the_code()


SAVES = [save_the_hooks, save_the_sidecar]
FAULTS = [reset, half_close, stall, kill, stop, *SAVES]
SAVE_EVERY_S = 0.3  # seconds; about the time in which a reload is complete


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_no_frame_is_lost_or_doubled_and_no_absence_is_announced(
    tmp_path: Path, fault: Callable[[KillableSidecar, FaultProxy], object]
) -> None:
    chance, saves_code = random.Random(SEED), fault is save_the_sidecar
    sidecar = KillableSidecar(tmp_path, own_code=saves_code)
    await sidecar.start(*(["--reload"] if saves_code else []))
    async with fault_proxy(sidecar.port) as proxy, clients_of(proxy.port, chance) as clients:
        talking = asyncio.create_task(talk(clients, chance))
        until_s = asyncio.get_running_loop().time() + FAULTY_S
        while asyncio.get_running_loop().time() < until_s:
            await asyncio.sleep(SAVE_EVERY_S if fault in SAVES else 0.2 + 0.5 * chance.random())
            await fault(sidecar, proxy)  # type: ignore[misc]
        if saves_code:  # slow reloads may be interrupted by the next save
            await until(lambda: any(each.connections > 1 for each in clients), "saved code is in use", QUIET_WITHIN_S)
        await many_frames(clients)
        talking.cancel()
        await everything_has_arrived(clients)
        await all_see_all(clients)
        assert {word for each in clients for word in each.seen} == set()
        if fault is save_the_hooks:
            assert {each.connections for each in clients} == {1}
        else:
            assert sum(each.connections for each in clients) > CLIENTS or fault is stall
    await sidecar.end(lambda process: process.terminate())


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux lets a test fill another program's disk")
async def test_sessions_continue_after_the_sidecar_was_killed_with_a_full_disk(tmp_path: Path) -> None:
    """Frames that could not be logged are lost. No client waits for them, or repeats them endlessly."""
    chance, sidecar = random.Random(SEED), KillableSidecar(tmp_path)
    await sidecar.start()
    async with clients_of(sidecar.port, chance) as clients:
        talking = asyncio.create_task(talk(clients, chance))
        await until(lambda: all(each.received for each in clients), "all have heard something")
        resource.prlimit(
            sidecar.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY)
        )  # files cannot grow, as on a full disk
        await until(lambda: not any(each.durable for each in clients), "all know that the log cannot be written")
        for each in clients:
            each.received.clear()
        await until(lambda: all(each.received for each in clients), "each client has received a frame")
        await kill(sidecar, None)  # type: ignore[arg-type]
        await until(lambda: all(each.durable for each in clients), "all know that the log is written")
        talking.cancel()
        await until(lambda: not any(each.waiting for each in clients), "all is acknowledged", QUIET_WITHIN_S)
        await all_see_all(clients)
        assert {word for each in clients for word in each.seen} <= {"not_resumed", "peer_list"}
        for each in clients:
            each.received.clear()
            each.acknowledged.clear()
        talking = asyncio.create_task(talk(clients, chance))
        await many_frames(clients)
        talking.cancel()
        await everything_has_arrived(clients)
    await sidecar.end(lambda process: process.terminate())


async def many_frames(clients: list[ResumingClient]) -> None:
    """Wait until 200 frames were acknowledged, so that the test would notice if some frames were lost or duplicated."""
    await until(lambda: sum(len(each.acknowledged) for each in clients) > 200, "the clients send", QUIET_WITHIN_S)


async def everything_has_arrived(clients: list[ResumingClient]) -> None:
    """Assert that all receivers of each acknowledged frame receive it, once and in order."""
    try:
        await until(lambda: not any(each.waiting for each in clients), "all is acknowledged", QUIET_WITHIN_S)
    except AssertionError:
        print(*(each for each in clients if each.waiting), sep="\n")
        raise
    await until(lambda: not missing(clients), "all that was acknowledged has arrived", QUIET_WITHIN_S)
    for receiver in clients:
        for sender in clients:
            numbers = [number for name, number in receiver.received if name == sender.name]
            assert numbers == sorted(set(numbers)), f"from {sender.name} to {receiver.name}"


def missing(clients: list[ResumingClient]) -> list[tuple[str, str, int]]:
    found = []
    for receiver in clients:
        received = set(receiver.received)
        for sender in clients:
            if sender is not receiver:
                for to, number in sender.acknowledged:
                    if to in (None, receiver.name) and (sender.name, number) not in received:
                        found.append((sender.name, receiver.name, number))
    return found


async def test_nothing_remains_when_all_peers_have_left(
    aiohttp_client: AiohttpClient, tmp_path: Path, measured: list[str]
) -> None:
    served = await serve(aiohttp_client, tmp_path, grace_s=0.1)
    hub = await served.sidecar.rooms.hub()
    await served.settled()
    forget_earlier_objects()
    before = live()
    for round_ in range(3):
        for name, manners in MANNERS.items():
            for peer in await meet(served, manners, f"{name}-room-{round_}", "a", "b"):
                peer.socket._response.connection.transport.abort()  # type: ignore[union-attr]
        ben = await served.connect()
        await ben.join("ben", resume=True)
        await ben.socket.close()
    served.forget_peers()
    await until(lambda: not hub.membership.rooms and not hub.lobby.send_due(0), "all rooms have ended")
    await served.settled()
    after = live()
    measured.append(
        f"peak memory of the test process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB"
    )
    assert after == before
