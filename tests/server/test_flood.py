"""A client that sends endlessly, and never reads, uses limited memory, and does not affect other clients."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.server.sockets import front, reader
from signaling_sidecar.server.sockets.frame_rate import FLOOD_FRAMES, FrameRate
from tests.kit.frame_limit import allow_only_the_burst
from tests.kit.hooks_file import hooked
from tests.kit.metrics import scrape
from tests.kit.raw_socket import BINARY, PING, PONG, TEXT, frame, raw_websocket
from tests.kit.receiving import PATIENCE_S
from tests.kit.serving import Served, serve

pytestmark = pytest.mark.usefixtures("way_of_reading")

LONGEST_PING = frame(PING, b"p" * 125)
SLOW_HOOK = "import asyncio\nasync def on_join(join):\n    await asyncio.sleep(60)\n"
QUESTION = frame(TEXT, b'{"type":"ping"}')


def counted(served: Served, code: str) -> int:
    return sum(each["data"]["count"] for each in served.records("signal.refused") if each["data"]["code"] == code)


async def test_a_client_that_sends_pings_and_never_reads_is_disconnected(
    aiohttp_client: AiohttpClient, tmp_path: Path
) -> None:
    limits = {"max_frames_burst": 1_000_000, "max_frames_per_s": 1_000_000}
    served = await serve(aiohttp_client, tmp_path, max_outbox_bytes=4096, **limits)
    witness, raw = await served.connect(), await raw_websocket(served.client.port or 0)
    with suppress(ConnectionError):
        for _ in range(1000):  # 131 MB, more than the buffers of sockets hold
            raw.send(1000 * LONGEST_PING)
            await raw.writer.drain()
    await raw.close()
    assert await witness.ask({"type": "ping"}) == {"type": "pong"}
    (closed,) = served.records("connection.closed")
    assert (closed["data"]["reason"], closed["data"]["by"]) == ("slow reader", "sidecar")


@pytest.mark.parametrize(
    "flood",
    [LONGEST_PING, QUESTION, frame(BINARY, b"x" * 1000), frame(TEXT, b"", fin=False) + frame(0, QUESTION)],
    ids=["pings", "texts", "binary frames", "fragments"],
)
async def test_little_is_read_from_a_client_while_a_hook_checks_its_frame(
    aiohttp_client: AiohttpClient, tmp_path: Path, flood: bytes
) -> None:
    limits = {"max_frames_burst": 1_000_000, "max_frames_per_s": 1_000_000}
    served = await hooked(aiohttp_client, tmp_path / "signaling_hooks.py", SLOW_HOOK, **limits)
    raw, witness, megabytes = await raw_websocket(served.client.port or 0), await served.connect(), 0
    raw.send(frame(TEXT, b'{"type":"join","roomId":"bar","peerId":"ann"}'))
    with suppress(TimeoutError, ConnectionError):
        for megabytes in range(64):  # noqa: B007 - the buffers of sockets hold about 10 MB
            raw.send(flood * (1_000_000 // len(flood)))
            await asyncio.wait_for(raw.writer.drain(), 0.3)
    assert megabytes < 32
    raw.reset()
    assert await witness.ask({"type": "ping"}) == {"type": "pong"}


async def test_pings_count_towards_the_rate_and_only_those_within_it_are_answered(
    aiohttp_client: AiohttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow_only_the_burst(monkeypatch)
    served = await serve(aiohttp_client, tmp_path, max_frames_burst=5)
    raw = await raw_websocket(served.client.port or 0)
    raw.send(20 * LONGEST_PING + frame(0x8, b""))
    assert [await raw.frame() for _ in range(5)] == [(PONG, b"p" * 125)] * 5
    opcode, error = await raw.frame()
    assert opcode == TEXT
    assert b'"too-fast"' in error
    assert await raw.close_code() == 1000
    await raw.close()
    assert counted(served, "too-fast") == 15


async def test_a_requested_pong_does_not_count_towards_the_rate(
    aiohttp_client: AiohttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signaling_sidecar.server.sockets.connection.PING_EVERY_S", 0.05)
    allow_only_the_burst(monkeypatch)
    served = await serve(aiohttp_client, tmp_path, max_frames_burst=1)
    raw = await raw_websocket(served.client.port or 0)
    raw.send(QUESTION)
    assert await raw.frame() == (TEXT, b'{"type":"pong"}')
    for _ in range(3):
        assert await raw.frame() == (PING, b"")
        raw.send(frame(PONG))
    raw.send(3 * frame(PONG, b"nobody asked") + frame(0x8, b""))
    assert await raw.close_code() == 1000
    await raw.close()
    assert counted(served, "too-fast") == 3


async def test_a_flood_is_read_in_portions_and_completely_counted(
    aiohttp_client: AiohttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "REST_S", 0.01)
    allow_only_the_burst(monkeypatch)
    served = await serve(aiohttp_client, tmp_path, max_frames_burst=10)
    raw = await raw_websocket(served.client.port or 0)
    raw.send(3 * FLOOD_FRAMES * QUESTION + frame(0x8, b""))
    assert await raw.close_code() == 1000
    await raw.close()
    assert counted(served, "too-fast") == 3 * FLOOD_FRAMES - 10


async def test_the_end_of_a_flood_is_counted_although_nothing_comes_after_it_and_told_once(
    aiohttp_client: AiohttpClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "REST_WITHIN_S", 0.1)
    allow_only_the_burst(monkeypatch)
    served = await serve(aiohttp_client, tmp_path, max_frames_burst=5)
    raw = await raw_websocket(served.client.port or 0)
    raw.send(25 * QUESTION)
    async with asyncio.timeout(PATIENCE_S):
        while (await scrape(served)).get(("signaling_refusals_total", ("too-fast", "rooms"))) != 20:
            pass
    raw.send(frame(0x8, b""))
    answers = [await raw.frame() for _ in range(6)]
    assert sum(b'"too-fast"' in answer for _, answer in answers) == 1
    assert await raw.close_code() == 1000
    await raw.close()
    assert counted(served, "too-fast") == 20


def test_reading_from_a_peer_pauses_after_many_refused_frames() -> None:
    rate = FrameRate(per_s=1, burst=1, now_s=0.0)
    assert [rate.admits(0.0), rate.admits(0.0)] == [True, False]
    for _ in range(FLOOD_FRAMES - 1):
        rate.refused()
        assert not rate.needs_rest()
    rate.refused()
    assert rate.needs_rest()
    rate.refused()
    assert not rate.needs_rest()
