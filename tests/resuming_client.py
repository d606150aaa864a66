"""A client that resumes its session, as small as the protocol allows, and the history of what it sent and received."""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from contextlib import suppress
from typing import Any

import aiohttp

RETRY_S = 0.05


class ResumingClient:
    def __init__(self, name: str, chance: random.Random) -> None:
        self.name = name
        self.view: dict[str, bool] = {}
        """The others as this page would show them; True: away."""
        self.seen: list[str] = []
        """What it was told besides relays: a list, a coming, a going."""
        self.received: list[tuple[str, int]] = []
        """Sender and number of every relay, in order."""
        self.acknowledged: list[tuple[str | None, int]] = []
        """Receiver (None: all) and number of every frame that the sidecar said it had handled."""
        self.connections = 0
        self.joined = asyncio.Event()
        self._chance = chance
        self._token: str | None = None
        self._after = 0
        self._sent = 0
        self._kept: deque[tuple[int, dict[str, Any]]] = deque()
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    def __str__(self) -> str:
        state = "joined" if self.joined.is_set() else "connected" if self._socket else "not connected"
        kept = [c for c, _ in self._kept]
        return f"{self.name}: {state}, {self.connections} connections, kept {kept}, after {self._after}"

    @property
    def waiting(self) -> int:
        """Frames that are not acknowledged yet."""
        return len(self._kept)

    async def run(self, session: aiohttp.ClientSession, url: str) -> None:
        """Be in the room, over any number of connections, until cancelled."""
        while True:
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with asyncio.timeout(5):
                    socket = await session.ws_connect(url, autoping=True, max_msg_size=0)
                self.connections += 1
                try:
                    await self._speak(socket)
                finally:
                    self._socket = None
                    self.joined.clear()
                    socket._response.close()
            await asyncio.sleep(RETRY_S + RETRY_S * self._chance.random())

    async def _speak(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        resume: Any = {"token": self._token, "after": self._after} if self._token else True
        join = {"type": "join", "roomId": "bar", "peerId": self.name, "instance": self.name, "resume": resume}
        await socket.send_json(join)
        self._socket = socket
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                return
            await self._receive(json.loads(message.data))

    async def send(self, to: str | None) -> None:
        """Relay the next number to one, or to all; now, or when there is a connection."""
        self._sent += 1
        frame = {"type": "broadcast"} if to is None else {"type": "signal", "to": to}
        self._kept.append((self._sent, {**frame, "n": self._sent}))
        if self.joined.is_set():
            await self._write(*self._kept[-1])

    async def _write(self, c: int, frame: dict[str, Any]) -> None:
        if self._socket is not None:
            with suppress(aiohttp.ClientError, OSError):
                await self._socket.send_json({**frame, "c": c, "a": self._after})

    async def _receive(self, frame: dict[str, Any]) -> None:
        type_ = frame["type"]
        if "ca" in frame:
            self._handled(frame["ca"])
        if type_ in ("peer_list", "resumed"):
            await self._answered(frame)
            return
        if "s" in frame:
            if frame["s"] <= self._after:
                return
            assert frame["s"] == self._after + 1, f"{self.name}: {frame} after {self._after}"
            self._after = frame["s"]
        if type_ in ("signal", "broadcast"):
            self.received.append((frame["from"], frame["n"]))
        elif type_ == "peer_updated":
            self.view[frame["peerId"]] = frame.get("away", self.view[frame["peerId"]])
        elif type_ not in ("ack", "pong"):
            self.seen.append(type_)
            if type_ == "peer_joined":
                self.view[frame["peerId"]] = False
            elif type_ == "peer_left":
                del self.view[frame["peerId"]]

    async def _answered(self, frame: dict[str, Any]) -> None:
        self._token = frame["resume"]["token"]
        if frame["type"] == "peer_list":
            self.seen.append("peer_list")
            self._after = frame["s"]
            self.view = {peer["peerId"]: peer.get("away", False) for peer in frame["peers"]}
        self.joined.set()
        for kept in list(self._kept):
            await self._write(*kept)

    def _handled(self, ca: int) -> None:
        while self._kept and self._kept[0][0] <= ca:
            c, frame = self._kept.popleft()
            self.acknowledged.append((frame.get("to"), c))
