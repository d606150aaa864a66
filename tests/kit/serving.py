"""Runs a sidecar in this process, and connects clients, for tests that send and receive frames."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from signaling_sidecar.eventlog.segment_text import whole_lines
from signaling_sidecar.eventlog.segments import find_segments
from signaling_sidecar.server import Sidecar
from signaling_sidecar.settings import Settings
from tests.kit.receiving import PATIENCE_S, receive
from tests.kit.text_frames import value_of

SILENCE_S = 0.01  # seconds; short, because the sidecar has handled all frames before this time begins


class Peer:
    """One WebSocket client."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, settled: Callable[[], Awaitable[None]]) -> None:
        self.socket = socket
        self.skips: Callable[[Any], bool] = lambda frame: False
        """A function that says whether `receive` skips a frame. Tests for all dialects skip confirmations."""
        self.settled = settled
        """A function that waits until the sidecar has handled all frames, and the ends of all connections."""

    async def send(self, frame: Any) -> None:
        """Send bytes as a binary frame, a string as it is, and anything else as JSON."""
        if isinstance(frame, bytes):
            await self.socket.send_bytes(frame)
        else:
            await self.socket.send_str(frame if isinstance(frame, str) else json.dumps(frame))

    async def receive(self, within_s: float = PATIENCE_S) -> Any:
        """Return the value of the next text frame (`value_of`), or the bytes of a binary one."""
        async with asyncio.timeout(within_s):
            while True:
                message = await self.socket.receive()
                assert message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY), message
                frame = value_of(message.data) if message.type is aiohttp.WSMsgType.TEXT else message.data
                if not self.skips(frame):
                    return frame

    async def ask(self, frame: Any) -> Any:
        await self.send(frame)
        return await self.receive()

    async def join(self, peer: str, room: str = "bar", **more: Any) -> dict[str, Any]:
        return await self.ask({"type": "join", "roomId": room, "peerId": peer, **more})

    async def hears_nothing(self) -> None:
        """Assert that this peer receives nothing, after the sidecar has handled all frames that were sent so far."""
        await self.settled()
        with suppress(TimeoutError):
            while True:
                message = await receive(self.socket, within_s=SILENCE_S)
                if message.type is not aiohttp.WSMsgType.TEXT or not self.skips(value_of(message.data)):
                    pytest.fail(f"heard {message}, but nothing was expected")

    async def receives_the_end(self) -> None:
        """Read messages until the connection is closed. Meanwhile, pings and the Close frame are answered."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.socket.closed:
                await self.socket.receive()

    async def closed(self) -> tuple[int | None, str | None]:
        """Wait for the Close frame of the sidecar, and return its code and reason."""
        message = await receive(self.socket)
        assert message.type is aiohttp.WSMsgType.CLOSE, message
        return message.data, message.extra


class Served:
    """A running sidecar. Tests can connect to it and read its log."""

    def __init__(self, client: TestClient[Any, Any], sidecar: Sidecar) -> None:
        self.client, self.sidecar = client, sidecar
        self._peers: list[Peer] = []

    async def connect(self, path: str = "/ws/signaling", **options: Any) -> Peer:
        peer = Peer(await self.client.ws_connect(path, **options), self.settled)
        self._peers.append(peer)
        return peer

    def forget_peers(self) -> None:
        """Forget all peers, so that `stop` does not wait for the ends of their connections."""
        self._peers.clear()

    async def stop(self) -> None:
        """Stop the sidecar as SIGTERM does, while its clients answer the Close frames."""
        await asyncio.gather(self.client.server.close(), *(peer.receives_the_end() for peer in self._peers))

    async def settled(self) -> None:
        """Wait until the sidecar has processed all frames that were sent, and its clients have received the answers."""
        for _ in range(2):
            async with self.client.get("/health") as answer:
                await answer.read()

    def records(self, type_: str | None = None) -> list[dict[str, Any]]:
        """The records of the event log so far, with decoded `data`."""
        segments = find_segments(self.sidecar.state_dir).segments
        found = [json.loads(line) for segment in segments for line in whole_lines(segment).splitlines()]
        for record in found:
            if "data" in record:
                record["data"] = json.loads(record["data"])
        return [record for record in found if type_ in (None, record["type"])]

    def refusals(self) -> list[str]:
        return [record["data"]["code"] for record in self.records("signal.refused")]


in_cluster: Callable[..., Awaitable[Served]] | None = None
"""A function that starts a cluster. `conftest.py` sets it if the environment variable INSTANCES is a number."""


async def serve(client: AiohttpClient, state_dir: Path, **settings: Any) -> Served:
    """Start a sidecar in this process, or a cluster if `in_cluster` is set."""
    if in_cluster is not None:
        return await in_cluster(client, state_dir, **settings)
    sidecar = Sidecar(replace(Settings(state_dir=state_dir, project=state_dir), **settings))
    return Served(await client(sidecar.app()), sidecar)
