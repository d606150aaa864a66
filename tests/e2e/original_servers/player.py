"""Plays a script on a server: sends what several clients send, and checks exactly what each of them receives.

The steps are those of the wire vectors ("Write wire vectors" in CONTRIBUTING.md), and a few more:

- `{"from": "ann", "open": "/peerjs?id=ann"}`: the path follows the base URL of the server. With `"refused": 400` the
  server answers the handshake with this HTTP status.
- `{"get": "/peerjs/id", "answer": {…}}`: an HTTP request, with `"origin"` if a page of this origin makes it. The step
  may have these fields of the answer: `status`, `type`, `allows` (the origin whose pages may read the answer) and
  `body`. Only the fields that it has are compared.
- `"times": 1000` beside a frame: it is sent, or received, a thousand times without waiting in between.
- `"hangs": true` beside a frame: after it, the server reads nothing that this client sends.
- `{"server_ends": 1}`: the server ends by itself, with this exit code.
- `{"differs": "a sentence", "original": […], "ours": […]}`: here the servers differ on purpose.

UUIDs are written as `<uuid>`, and 300,000 times the letter x as `<300000 x>`. After the last step, no client may have
received further frames.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from socket import SHUT_RDWR
from typing import Any, Literal

import aiohttp

from signaling_sidecar.dialects import Binary
from tests.dialects.vectors import sent_frame

PATIENCE_S = 10.0  # seconds that a script waits for a frame before it fails
HANDSHAKE = aiohttp.ClientTimeout(total=PATIENCE_S)
UUID = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")

LONG, SHORT = re.compile("x{1000,}"), re.compile(rb"<(\d+) x>")

Step = dict[str, Any]
Which = Literal["original", "ours"]


class Client:
    """A WebSocket client, and the frames that it has received but the script has not read."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._unread: deque[Any] = deque()
        self.hangs = False
        self.has_ended = False

    async def send(self, frame: bytes) -> None:
        if isinstance(frame, Binary):
            await self._socket.send_bytes(frame)
        else:
            await self._socket.send_str(frame.decode())

    async def receive(self) -> Any:
        """Return the value of the next text frame, or `[code, reason]` if the connection has ended."""
        async with asyncio.timeout(PATIENCE_S):
            while not self._unread:
                await self._read()
        return self._unread.popleft()

    async def has_caught_up(self) -> None:
        """Wait until the server has handled everything that this client has sent."""
        if self.hangs or self.has_ended:
            return
        with suppress(ConnectionError):  # the end of the connection is read below
            await self._socket.ping()
        async with asyncio.timeout(PATIENCE_S):
            while not await self._read() and not self.has_ended:
                pass

    async def end(self) -> None:
        self.has_ended = True
        if not self.hangs:  # a server that hangs does not answer a Close frame; the session closes the socket
            await self._socket.close()

    def lose(self) -> None:
        """End the connection without a Close frame."""
        self.has_ended = True
        self._socket.get_extra_info("socket").shutdown(SHUT_RDWR)

    def rest(self) -> list[Any]:
        return list(self._unread)

    async def _read(self) -> bool:
        """Read one message, and return whether it is a pong."""
        message = await self._socket.receive()
        match message.type:
            case aiohttp.WSMsgType.PONG:
                return True
            case aiohttp.WSMsgType.PING:
                await self._socket.pong(message.data)
            case aiohttp.WSMsgType.TEXT:
                self._unread.append(json.loads(_in_short(message.data)))
            case aiohttp.WSMsgType.CLOSE:
                self._unread.append([message.data, message.extra])
                await self.end()
            case _:
                self._unread.append([1006, ""])  # the connection ended without a Close frame
                await self.end()
        return False


class Player:
    def __init__(
        self, session: aiohttp.ClientSession, url: str, which: Which, server_ended: Callable[[], Awaitable[int]]
    ) -> None:
        self._session, self._url, self._which, self._server_ended = session, url, which, server_ended
        self._clients: dict[str, Client] = {}

    async def play(self, steps: list[Step]) -> None:
        for step in steps:
            await self._play(step)

    async def finish(self) -> None:
        """Assert that no client has received a frame that the script did not read."""
        await self._settled()
        rest = {name: client.rest() for name, client in self._clients.items() if client.rest()}
        assert not rest, f"{self._which}: this was sent too: {rest}"

    async def close(self) -> None:
        for client in self._clients.values():
            await client.end()

    async def _play(self, step: Step) -> None:
        match step:
            case {"differs": _}:
                await self.play(step[self._which])
            case {"from": name, "open": path}:
                await self._open(name, path, step.get("refused", 101))
            case {"from": name, "end": "closed"}:
                await self._clients[name].end()
                await self._settled()
            case {"from": name, "end": "lost"}:
                self._clients[name].lose()
            case {"from": name} if (frame := sent_frame(step)) is not None:
                for _ in range(step.get("times", 1)):
                    await self._clients[name].send(_in_full(frame))
                self._clients[name].hangs |= step.get("hangs", False)
                await self._settled()
            case {"to": name, "receive": expected} | {"to": name, "close": expected}:
                for _ in range(step.get("times", 1)):
                    await self._receive(name, expected)
            case {"get": path, "answer": expected}:
                told = await self._get(path, step.get("origin"))
                told = {field: told[field] for field in expected}
                assert told == expected, f"{self._which}: {path} is answered with {told}, but {expected} is expected"
            case {"server_ends": code}:
                assert await self._server_ended() == code
            case _:
                raise AssertionError(f"no such step: {step}")

    async def _receive(self, name: str, expected: Any) -> None:
        try:
            told = await self._clients[name].receive()
        except TimeoutError:
            raise AssertionError(f"{self._which}: {name!r} was sent nothing, but {expected} is expected") from None
        assert told == expected, f"{self._which}: {name!r} was sent {told}, but {expected} is expected"

    async def _open(self, name: str, path: str, expected: int) -> None:
        status = 101
        try:
            socket = await self._session.ws_connect(
                self._url + path, autoping=False, autoclose=False, max_msg_size=0, timeout=aiohttp.ClientWSTimeout()
            )
            self._clients[name] = Client(socket)
        except aiohttp.WSServerHandshakeError as error:
            status = error.status
        assert status == expected, f"{self._which}: the handshake {path} is answered with {status}"
        await self._settled()

    async def _settled(self) -> None:
        """Wait until the server has handled all frames, and all clients have received the answers.

        One ping for each client is not enough: it may be answered before the server has sent this client the frames
        that others caused.
        """
        for _ in range(2):
            for client in self._clients.values():
                await client.has_caught_up()

    async def _get(self, path: str, origin: str | None) -> dict[str, Any]:
        headers = {} if origin is None else {"Origin": origin}
        async with self._session.get(self._url + path, headers=headers, timeout=HANDSHAKE) as answer:
            text = _in_short(await answer.text())
            return {
                "status": answer.status,
                "type": answer.content_type,
                "allows": answer.headers.get("Access-Control-Allow-Origin"),
                "body": json.loads(text) if answer.content_type == "application/json" else text,
            }


def _in_short(text: str) -> str:
    return LONG.sub(lambda found: f"<{len(found[0])} x>", UUID.sub("<uuid>", text))


def _in_full(frame: bytes) -> bytes:
    """Replace each `<N x>` in a text frame by N times the letter x."""
    return frame if isinstance(frame, Binary) else SHORT.sub(lambda found: b"x" * int(found[1]), frame)
