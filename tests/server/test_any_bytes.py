"""Arbitrary bytes on a WebSocket, in arbitrary pieces.

The sidecar answers them as RFC 6455 requires, records the end of every connection, and leaks no memory.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given

from signaling_sidecar.dialects import DIALECTS
from signaling_sidecar.eventlog.segments import find_segments
from tests.dialects.manners import MANNERS
from tests.kit.any_bytes import LIMITS, Sent, sent
from tests.kit.live_objects import forget_earlier_objects, live
from tests.kit.programs import until
from tests.kit.raw_socket import CLOSE, PATIENCE_S, PONG, Handshake, closing
from tests.kit.rfc6455 import INVALID_TEXT, PROTOCOL_ERROR, TOO_LARGE, frames_in
from tests.kit.serving import Served, serve

SHARED_PATH = "/ws"
# Seconds. A deadline that is further away is not near: for example, the end of an idle room in `hosted`, a day later.
LATER_S = 1000.0
SLOW_HOOKS = """
import asyncio

async def on_join(join):
    await asyncio.sleep(0.001)

on_relay = on_join
"""


class Target:
    """A sidecar in this process, and the part of its log that the test has not read yet."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self._log = find_segments(served.sidecar.state_dir).segments[-1].open("rb")
        self._log.seek(0, 2)

    def ends(self) -> list[dict[str, Any]]:
        """Return the data of each `connection.closed` record that was written since the last call."""
        lines = self._log.read().splitlines()
        records = map(json.loads, lines)
        return [json.loads(each["data"]) for each in records if each["type"] == "connection.closed"]

    async def answers(self, path: str, sent: Sent) -> bytes:
        """Send these pieces on a new connection, and disconnect. Returns the bytes that follow the handshake."""
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.setblocking(False)
            await loop.sock_connect(client, ("127.0.0.1", self.served.client.port))
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            first, *others = sent.pieces or [b""]
            await loop.sock_sendall(client, bytes(Handshake(path)) + first)
            reading = asyncio.create_task(_read(client, await _after_head(client)))
            with suppress(ConnectionError):  # the sidecar may have closed the connection
                for piece in others:
                    await loop.sock_sendall(client, piece)
                    await asyncio.sleep(0)  # lets the sidecar read this piece
                if sent.is_reset:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    reading.cancel()
                    await asyncio.wait((reading,))
                    return b""
                if not sent.outcome.codes:
                    client.shutdown(socket.SHUT_WR)
            return await asyncio.wait_for(reading, PATIENCE_S)

    async def end(self) -> dict[str, Any]:
        """Wait until the log contains the end of the only connection, and return its data."""
        async with asyncio.timeout(PATIENCE_S):
            while not (found := self.ends()):  # noqa: ASYNC110 - nothing here could set an event
                await asyncio.sleep(0)
        (end,) = found
        return end

    async def is_empty(self) -> None:
        """Wait until all rooms have ended, and the hub has no near deadlines. Deadlines keep sessions in memory."""
        hub, loop = await self.served.sidecar.rooms.hub(), asyncio.get_running_loop()
        await until(lambda: not hub.membership.rooms and not list(hub.matchmaking), "all rooms have ended")
        await until(
            lambda: hub.next_deadline_s is None or hub.next_deadline_s > loop.time() + LATER_S, "nothing is due"
        )
        await self.served.settled()

    async def close(self) -> None:
        self._log.close()
        await self.served.client.close()


async def _after_head(client: socket.socket) -> bytes:
    """Read the answer to the handshake. Returns the bytes that have arrived after it."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = await asyncio.get_running_loop().sock_recv(client, 65_536)
        assert chunk, data
        data += chunk
    head, _, rest = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 "), head
    return rest


async def _read(client: socket.socket, data: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    with suppress(ConnectionError):
        while chunk := await loop.sock_recv(client, 65_536):
            data += chunk
    return data


@contextmanager
def target_in(folder: Path, hooks: str | None, runner: asyncio.Runner) -> Iterator[Target]:
    target = runner.run(_start(folder, hooks))
    try:
        yield target
    finally:
        runner.run(target.close())


async def _start(folder: Path, hooks: str | None) -> Target:
    async def client(app: web.Application) -> TestClient[Any, Any]:
        client = TestClient(TestServer(app))
        await client.start_server()
        return client

    if hooks is not None:
        (folder / "signaling_hooks.py").write_text(hooks)
    no_limits = {"max_frames_burst": 1_000_000, "max_frames_per_s": 1_000_000}
    file = None if hooks is None else folder / "signaling_hooks.py"
    options: Any = {"max_frame_bytes": LIMITS.message_bytes, "grace_s": 0.1, "hooks": file, **no_limits}
    return Target(await serve(client, folder / "state", **options))  # type: ignore[arg-type]


def check(sent: Sent, answers: bytes, end: dict[str, Any], *, closes_by_itself: bool) -> None:
    frames, expected = frames_in(answers), sent.outcome
    pongs = [frame.payload for frame in frames if frame.opcode == PONG]
    codes = [int.from_bytes(frame.payload[:2]) for frame in frames if frame.opcode == CLOSE]
    assert pongs == expected.pongs[: len(pongs)]
    assert codes == [] or frames[-1].opcode == CLOSE, "a frame after the Close"
    if sent.is_reset or (closes_by_itself and not {*codes} <= {PROTOCOL_ERROR, INVALID_TEXT, TOO_LARGE}):
        return
    if expected.goes_on and not codes:
        return
    if expected.codes:
        assert codes[0] in expected.codes
        assert pongs == expected.pongs
    else:
        assert codes == [] or expected.may_end
    if codes and codes != [1000]:
        assert (end["by"], end["code"]) == ("sidecar", codes[0])


@pytest.mark.fuzz
@pytest.mark.usefixtures("way_of_reading")
@pytest.mark.parametrize(
    ("dialect", "path", "hooks"),
    [
        *((name, MANNERS[name].path("first-room", "a"), None) for name in DIALECTS),
        ("rooms", "/ws/signaling", SLOW_HOOKS),
        ("mesh", SHARED_PATH, None),
    ],
    ids=[*DIALECTS, "slow-hooks", "shared-path"],
)
def test_any_bytes_are_answered_as_the_standard_says(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, dialect: str, path: str, hooks: str | None
) -> None:
    closes_by_itself = dialect != "rooms"

    async def exchange(target: Target, sent: Sent) -> None:
        answers = await target.answers(path, sent)
        check(sent, answers, await target.end(), closes_by_itself=closes_by_itself)
        assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []

    with asyncio.Runner() as runner, target_in(tmp_path, hooks, runner) as target:
        runner.run(exchange(target, Sent([closing(1000)], is_reset=False)))
        runner.run(target.is_empty())
        forget_earlier_objects()
        before = runner.run(_live())

        @given(sent(dialect))
        def send(drawn: Sent) -> None:
            runner.run(exchange(target, drawn))

        send()
        runner.run(target.is_empty())
        assert runner.run(_live()) == before


async def _live() -> dict[str, int]:
    """Return the counts of `live`, except open files: the sidecar may begin to watch the hooks file after its start."""
    return {name: count for name, count in live().items() if name != "descriptors"}
