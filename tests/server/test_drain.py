"""A drain keeps all sessions: `/ready` reports it, new connections are refused, and others are closed in waves."""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.eventlog.segment_text import whole_lines
from signaling_sidecar.eventlog.segments import find_segments
from signaling_sidecar.server import drain
from signaling_sidecar.server.drain import USUAL_WAVE, waves_of
from tests.kit import resuming_client
from tests.kit.killable_sidecar import KillableSidecar
from tests.kit.programs import until
from tests.kit.resuming_client import ResumingClient
from tests.kit.serving import Served, serve
from tests.kit.sidecar_command import Serving, serving

CONNECTIONS = 500
WAVES = CONNECTIONS // USUAL_WAVE
WITHIN_S = 60.0  # seconds; the machine may be busy


@pytest.mark.parametrize(
    ("connections", "within_s", "sizes"),
    [
        (0, 10.0, []),
        (1, 10.0, [1]),
        (50, 10.0, [50]),
        (51, 10.0, [26, 25]),
        (500, 10.0, [50] * 10),
        (5_000, 10.0, [250] * 20),
        (5_000, 1.0, [2_500, 2_500]),
        (5_000, 0.1, [5_000]),
    ],
)
def test_waves_are_about_equal_and_end_within_the_limit(connections: int, within_s: float, sizes: list[int]) -> None:
    waves = waves_of(connections, within_s)
    assert [size for _, size in waves] == sizes
    assert sum(wait_s for wait_s, _ in waves) <= within_s


# --- whether it is ready ---------------------------------------------------------------------------------------------


async def readiness(served: Served) -> tuple[int, dict[str, Any]]:
    async with served.client.get("/ready") as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.status, await answer.json()


async def test_it_is_not_ready_while_the_log_cannot_be_written(aiohttp_client: AiohttpClient, tmp_path: Path) -> None:
    served = await serve(aiohttp_client, tmp_path / "state")
    assert await readiness(served) == (200, {"status": "ready"})
    (tmp_path / "state").rename(tmp_path / "moved")
    (tmp_path / "state").write_text("a file, where the folder was")
    async with asyncio.timeout(WITHIN_S):
        while (answer := await readiness(served))[0] == 200:
            await served.settled()
    assert answer == (
        503,
        {
            "status": "not-ready",
            "code": "log-not-written",
            "message": "the event log cannot be written, so a restart would lose what happens now",
        },
    )
    (tmp_path / "state").unlink()
    (tmp_path / "moved").rename(tmp_path / "state")
    async with asyncio.timeout(WITHIN_S):
        while (await readiness(served))[0] == 503:
            await served.settled()


async def test_ready_can_be_asked_by_the_names_that_the_settings_allow_only(served: Served) -> None:
    async with served.client.get("/ready", headers={"Host": "evil.example"}) as answer:
        assert answer.status == 403


# --- draining --------------------------------------------------------------------------------------------------------


async def test_the_terminal_says_how_many_connections_are_closed(tmp_path: Path) -> None:
    with serving(tmp_path, "--drain-s", "1") as sidecar:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{sidecar.ready['url']}/ws/signaling"):
            _, errors = await asyncio.to_thread(sidecar.stop)
    assert "draining 1 connection in 1 wave; another SIGTERM stops at once" in errors


async def test_nobody_is_told_that_a_peer_is_away_or_has_left_because_of_an_earlier_wave(
    aiohttp_client: AiohttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "USUAL_WAVE", 1)
    monkeypatch.setattr(drain, "WAVE_EVERY_S", 1.5)  # others learn after 1 s that a peer is away
    served = await serve(aiohttp_client, tmp_path, drain_s=10.0)
    ann, ben = await served.connect(), await served.connect()
    await ann.join("ann")
    await ben.join("ben")
    assert (await ann.receive())["type"] == "peer_joined"
    draining = asyncio.create_task(served.sidecar.drain())
    assert await ann.closed() == (1012, "restart")
    assert await ben.closed() == (1012, "restart")
    await draining
    while [record["peer"] for record in served.records("peer.away")] != ["ann", "ben"]:
        await served.settled()
    assert served.records("peer.away_told") == served.records("peer.left") == []


async def test_new_connections_are_told_when_to_come_back(
    aiohttp_client: AiohttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "USUAL_WAVE", 1)
    monkeypatch.setattr(drain, "WAVE_EVERY_S", 20.0)
    served = await serve(aiohttp_client, tmp_path, drain_s=300.0)
    ann, ben = await served.connect(), await served.connect()
    await ann.join("ann")
    draining = asyncio.create_task(served.sidecar.drain())
    assert await ann.closed() == (1012, "restart")
    assert await readiness(served) == (
        503,
        {
            "status": "not-ready",
            "code": "draining",
            "message": "the sidecar is about to stop, and accepts no new connections",
        },
    )
    async with served.client.get("/health") as answer:
        assert answer.status == 200
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await served.connect()
    assert refused.value.status == 503
    assert refused.value.headers is not None
    assert 200 < int(refused.value.headers["Retry-After"]) <= 300
    assert (await ben.join("ben"))["type"] == "peer_list"  # open connections can still be used
    draining.cancel()


@pytest.mark.parametrize("end", [lambda it: it.stop(signal.SIGTERM), lambda it: it.stop(signal.SIGINT), Serving.wait])
async def test_a_second_sigterm_and_ctrl_c_and_the_end_of_stdin_stop_at_once(
    tmp_path: Path, end: Callable[[Serving], tuple[int, str]]
) -> None:
    """Draining would take much longer, because its time limit is five minutes."""
    with serving(tmp_path, "--drain-s", "300", "--exit-on-stdin-eof") as sidecar:
        url = sidecar.ready["url"]
        async with aiohttp.ClientSession() as session:
            sockets = [await session.ws_connect(f"{url}/ws/signaling") for _ in range(2 * USUAL_WAVE)]
            sidecar.process.send_signal(signal.SIGTERM)
            assert (await sockets[0].receive()).data == 1012  # the first wave
            readings = [asyncio.create_task(socket.receive()) for socket in sockets[1:]]
            code, errors = await asyncio.to_thread(end, sidecar)
            assert code == 0
            assert "draining 100 connections in 2 waves" in errors
            assert {(await reading).data for reading in readings} == {1012}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_without_the_setting_and_with_ctrl_c_all_connections_are_closed_at_once(
    tmp_path: Path, number: int
) -> None:
    flags = ("--drain-s", "300") if number == signal.SIGINT else ()
    with serving(tmp_path, *flags) as sidecar:
        code, errors = await asyncio.to_thread(sidecar.stop, number)
    assert code == 0
    assert "draining" not in errors


# --- 500 resumable clients, two real processes -----------------------------------------------------------------------


@asynccontextmanager
async def pairs(port: int) -> AsyncIterator[list[tuple[ResumingClient, ResumingClient]]]:
    """Yield pairs of resumable clients, each pair in a separate room, in the order in which they have connected."""
    chance = random.Random(3)
    tasks: list[asyncio.Task[None]] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        found = []
        for number in range(CONNECTIONS // 2):
            pair = ResumingClient("ann", chance, f"room-{number}"), ResumingClient("ben", chance, f"room-{number}")
            found.append(pair)
            for each in pair:
                tasks.append(asyncio.create_task(each.run(session, f"http://127.0.0.1:{port}/ws/signaling")))
                await asyncio.wait_for(each.joined.wait(), WITHIN_S)
        try:
            yield found
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def talk(all_pairs: list[tuple[ResumingClient, ResumingClient]]) -> None:
    """Let random pairs send frames, connected or not. The last pair sends all the time while it is connected."""
    chance = random.Random(4)
    while True:
        last = all_pairs[-1:] if all(each.joined.is_set() for each in all_pairs[-1]) else []
        for ann, ben in (*last, *chance.sample(all_pairs, 3)):
            await ann.send("ben")
            await ben.send("ann")
        await asyncio.sleep(0.01)


def records_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for each in find_segments(folder).segments for line in whole_lines(each).splitlines()]


async def test_500_resumable_clients_lose_nothing_when_a_drained_sidecar_is_followed_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resuming_client, "RETRY_S", 1.0)
    sidecar = KillableSidecar(tmp_path)
    await sidecar.start("--drain-s", "10")
    url = f"http://127.0.0.1:{sidecar.port}"
    async with pairs(sidecar.port) as all_pairs, aiohttp.ClientSession() as session:
        clients = [each for pair in all_pairs for each in pair]
        talking = asyncio.create_task(talk(all_pairs))
        await until(lambda: all_pairs[-1][0].received, "the peers talk")
        os.kill(sidecar.pid, signal.SIGTERM)
        await until(lambda: not clients[0].joined.is_set(), "the first wave")
        async with session.get(f"{url}/ready") as answer:
            assert (answer.status, (await answer.json())["code"]) == (503, "draining")
        assert await asyncio.wait_for(sidecar.ended(), WITHIN_S) == 0
        first = records_of(tmp_path / "state")
        await sidecar.end(lambda process: None)
        await sidecar.start("--drain-s", "10")
        await until(lambda: all(each.joined.is_set() for each in clients), "all clients have joined", WITHIN_S)
        talking.cancel()
        await until(lambda: all(each.waiting == 0 for each in clients), "all frames are acknowledged", WITHIN_S)
        await until(lambda: all(map(has_everything, all_pairs)), "all has arrived", WITHIN_S)
        assert {each.connections for each in clients} == {2}
        await sidecar.end(lambda process: process.terminate())
    assert "peer.away_told" not in {record["type"] for record in first}
    assert "peer.left" not in {record["type"] for record in records_of(tmp_path / "state")}
    assert_waves(first)


def has_everything(pair: tuple[ResumingClient, ResumingClient]) -> bool:
    """Whether each of the two has received all numbers of the other, once and in order."""
    ann, ben = pair
    arrived = [len(each.received) for each in pair]
    assert ann.received == [("ben", number + 1) for number in range(arrived[0])]
    assert ben.received == [("ann", number + 1) for number in range(arrived[1])]
    return arrived == [ben._sent, ann._sent]


def assert_waves(records: list[dict[str, Any]]) -> None:
    """Assert that the oldest connections were closed first, in waves, and that frames were relayed in between."""
    waves: dict[int, list[int]] = {}
    for record in records:
        if record["type"] == "connection.closed":
            assert json.loads(record["data"])["code"] == 1012
            waves.setdefault(math.ceil(record["connection"] / USUAL_WAVE), []).append(record["seq"])
    assert {number: len(seqs) for number, seqs in waves.items()} == dict.fromkeys(range(1, WAVES + 1), USUAL_WAVE)
    relayed = [record["seq"] for record in records if record["type"] == "signal.relayed"]
    for number in range(1, WAVES):
        assert any(max(waves[number]) < seq < min(waves[number + 1]) for seq in relayed), number
