"""A minimal client that resumes its session, and records what it has sent and received."""

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
        """The other peers as a page would show them. True means that the peer is away."""
        self.seen: list[str] = []
        """All received messages except relays: lists of peers, joins and leaves."""
        self.received: list[tuple[str, int]] = []
        """The sender and the number of every relay, in order."""
        self.acknowledged: list[tuple[str | None, int]] = []
        """The receiver (None for all peers) and the number of every frame that the sidecar has acknowledged."""
        self.durable = True
        """Whether the sidecar reports that it writes its event log."""
        self.connections = 0
        self.joined = asyncio.Event()
        self._chance = chance
        self._token: str | None = None
        self._after = 0
        self._sent = 0
        self._handled = 0
        """The number of the last frame that the sidecar has acknowledged. The frames in `kept` follow it."""
        self._kept: deque[dict[str, Any]] = deque()
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    def __str__(self) -> str:
        state = "joined" if self.joined.is_set() else "connected" if self._socket else "not connected"
        kept = f"{len(self._kept)} kept after {self._handled}"
        return f"{self.name}: {state}, {self.connections} connections, {kept}, after {self._after}"

    @property
    def waiting(self) -> int:
        """The frames that are not acknowledged yet."""
        return len(self._kept)

    async def run(self, session: aiohttp.ClientSession, url: str) -> None:
        """Stay in the room until cancelled, and reconnect as often as needed."""
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
        await self._join(socket, {"token": self._token, "after": self._after} if self._token else True)
        self._socket = socket
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                return
            await self._receive(json.loads(message.data))

    async def _join(self, socket: aiohttp.ClientWebSocketResponse, resume: dict[str, Any] | bool) -> None:
        join = {"type": "join", "roomId": "bar", "peerId": self.name, "instance": self.name, "resume": resume}
        await socket.send_json(join)

    async def send(self, to: str | None) -> None:
        """Send the next number to one peer or to all, now or when there is a connection again."""
        self._sent += 1
        frame = {"type": "broadcast"} if to is None else {"type": "signal", "to": to}
        self._kept.append({**frame, "n": self._sent})
        if self.joined.is_set():
            await self._write(len(self._kept))

    async def _write(self, place: int) -> None:
        """Send the unacknowledged frame with this position, counted from 1."""
        if self._socket is not None:
            numbers = {"c": self._handled + place, "a": self._after}
            with suppress(aiohttp.ClientError, OSError):
                await self._socket.send_json({**self._kept[place - 1], **numbers})

    async def _receive(self, frame: dict[str, Any]) -> None:
        type_ = frame["type"]
        if type_ == "peer_list":
            self._take_list(frame)
        agrees = self._agrees(frame.get("ca", self._handled))
        if "resume" in frame:
            self._token, self.durable = frame["resume"]["token"], frame["resume"]["durable"]
            self.joined.set()
        if not agrees and self.joined.is_set():
            assert self._socket is not None
            self.joined.clear()
            await self._join(self._socket, {"token": self._token})
        if "resume" in frame:
            for place in range(1, len(self._kept) + 1 if agrees else 0):
                await self._write(place)
            return
        if type_ == "durable":
            self.durable = frame["durable"]
        if "s" in frame:
            if frame["s"] <= self._after:
                return
            assert frame["s"] == self._after + 1, f"{self.name}: {frame} after {self._after}"
            self._after = frame["s"]
        if type_ in ("signal", "broadcast"):
            self.received.append((frame["from"], frame["n"]))
        elif type_ == "peer_updated":
            self.view[frame["peerId"]] = frame.get("away", self.view[frame["peerId"]])
        elif type_ not in ("ack", "pong", "durable"):
            self.seen.append(type_)
            if type_ == "peer_joined":
                self.view[frame["peerId"]] = False
            elif type_ == "peer_left":
                del self.view[frame["peerId"]]

    def _take_list(self, frame: dict[str, Any]) -> None:
        self.seen.append("peer_list")
        self._after = frame["s"]
        self.view = {peer["peerId"]: peer.get("away", False) for peer in frame["peers"]}
        if not self._agrees(frame["ca"]):
            self._handled = frame["ca"]

    def _agrees(self, ca: int) -> bool:
        """Forget acknowledged frames. Returns False if the sidecar has lost frames that it needs to resume the
        session."""
        if not self._handled <= ca <= self._handled + len(self._kept):
            return False
        while self._handled < ca:
            self._handled += 1
            frame = self._kept.popleft()
            if self.durable:
                self.acknowledged.append((frame.get("to"), frame["n"]))
        return True
