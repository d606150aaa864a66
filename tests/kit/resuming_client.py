"""A minimal client that resumes its session, and records what it has sent and received."""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiohttp

RETRY_S = 0.05


class ResumingClient:
    """A client in one room. With `token`, which an earlier page with the same name has received, the client resumes the
    session of that page."""

    def __init__(
        self,
        name: str,
        chance: random.Random,
        room: str = "bar",
        instance: str | None = None,
        token: str | None = None,
    ) -> None:
        self.name = name
        self.room = room
        self.instance = instance or name
        self.view: dict[str, bool] = {}
        """Maps the id of each other peer to whether the peer is away, as a page would show it."""
        self.seen: list[str] = []
        """The types of all received messages except relays, such as lists of peers, joins and leaves."""
        self.received: list[tuple[str, int]] = []
        """The sender and the number of every relayed frame, in order."""
        self.acknowledged: list[tuple[str | None, int]] = []
        """The receiver (None for all peers) and the number of every frame that the sidecar has acknowledged."""
        self.durable = True
        """Whether the sidecar has reported that it can write its event log."""
        self.connections = 0
        self.joined = asyncio.Event()
        self._chance = chance
        self.token = token
        self._after: int | None = None if token else 0
        """The number of the last received message. None until the session of an earlier page is resumed."""
        self._sent = 0
        self._handled = 0
        """The number of the last frame that the sidecar has acknowledged. The frames in `_kept` have the next
        numbers."""
        self._kept: deque[dict[str, Any]] = deque()
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    def __str__(self) -> str:
        state = "joined" if self.joined.is_set() else "connected" if self._socket else "not connected"
        kept = f"{len(self._kept)} kept after {self._handled}"
        return f"{self.name}: {state}, {self.connections} connections, {kept}, after {self._after}"

    @property
    def waiting(self) -> int:
        """The number of frames that are not acknowledged yet."""
        return len(self._kept)

    async def run(self, session: aiohttp.ClientSession, url: str | Callable[[], str]) -> None:
        """Stay in the room until cancelled, and reconnect as often as needed.

        `url` may be a function that returns the URL for the next connection.
        """
        while True:
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with asyncio.timeout(5):
                    socket = await session.ws_connect(
                        url if isinstance(url, str) else url(), autoping=True, max_msg_size=0
                    )
                self.connections += 1
                try:
                    await self._speak(socket)
                finally:
                    self._socket = None
                    self.joined.clear()
                    self.on_lost()
                    socket._response.close()
            await asyncio.sleep(RETRY_S + RETRY_S * self._chance.random())

    async def _speak(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        after = {} if self._after is None else {"after": self._after}
        await self._join(socket, {"token": self.token, **after} if self.token else True)
        self._socket = socket
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                return
            await self._receive(json.loads(message.data))

    async def _join(self, socket: aiohttp.ClientWebSocketResponse, resume: dict[str, Any] | bool) -> None:
        session = {"roomId": self.room, "peerId": self.name, "instance": self.instance, "resume": resume}
        await socket.send_json({"type": "join", **session})

    async def leave(self) -> None:
        """Leave the room, if the client is connected. The caller must cancel `run` afterwards."""
        if self._socket is not None:
            with suppress(aiohttp.ClientError, OSError):
                await self._socket.send_json({"type": "leave"})

    async def send(self, to: str | None, **more: Any) -> None:
        """Send the next number to one peer or to all, at once or after the next connect."""
        self._sent += 1
        frame = {"type": "broadcast"} if to is None else {"type": "signal", "to": to}
        self._kept.append({**frame, "n": self._sent, **more})
        if self.joined.is_set():
            await self._write(len(self._kept))

    async def _write(self, place: int) -> None:
        """Send the unacknowledged frame at this position in `_kept`, counted from 1."""
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
            self.token, self.durable = frame["resume"]["token"], frame["resume"]["durable"]
            self.joined.set()
            self.on_joined()
        if not agrees and self.joined.is_set():
            assert self._socket is not None
            self.joined.clear()
            await self._join(self._socket, {"token": self.token})
        if "resume" in frame:
            for place in range(1, len(self._kept) + 1 if agrees else 0):
                await self._write(place)
            return
        if type_ == "durable":
            self.durable = frame["durable"]
        if "s" in frame:
            assert self._after is not None
            if frame["s"] <= self._after:
                return
            assert frame["s"] == self._after + 1, f"{self.name}: {frame} after {self._after}"
            self._after = frame["s"]
        if type_ in ("signal", "broadcast"):
            self.on_relay(frame)
        elif type_ == "peer_updated":
            self.view[frame["peerId"]] = frame.get("away", self.view[frame["peerId"]])
        elif type_ not in ("ack", "pong", "durable"):
            self.on_message(frame)
            if type_ == "peer_joined":
                self.view[frame["peerId"]] = False
            elif type_ == "peer_left":
                del self.view[frame["peerId"]]

    def _take_list(self, frame: dict[str, Any]) -> None:
        self.on_message(frame)
        self._after = frame["s"]
        self.view = {peer["peerId"]: peer.get("away", False) for peer in frame["peers"]}
        if not self._agrees(frame["ca"]):
            self._handled = frame["ca"]

    def _agrees(self, ca: int) -> bool:
        """Forget acknowledged frames.

        Returns False if the sidecar's number does not match the kept frames, because it has lost frames.
        """
        if not self._handled <= ca <= self._handled + len(self._kept):
            return False
        while self._handled < ca:
            self._handled += 1
            frame = self._kept.popleft()
            if self.durable:
                self.on_acknowledged(frame)
        return True

    # --- what a subclass may do instead of, or in addition to, recording it -------------------------------------------

    def on_lost(self) -> None:
        """Called when a connection has ended."""

    def on_joined(self) -> None:
        """Called when the client has joined or has resumed its session."""

    def on_message(self, frame: dict[str, Any]) -> None:
        self.seen.append(frame["type"])

    def on_relay(self, frame: dict[str, Any]) -> None:
        self.received.append((frame["from"], frame["n"]))

    def on_acknowledged(self, frame: dict[str, Any]) -> None:
        self.acknowledged.append((frame.get("to"), frame["n"]))
