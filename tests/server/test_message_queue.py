"""Messages of a connection are handled in the order in which they arrive, whether they are queued or not."""

from __future__ import annotations

import asyncio
import logging

import pytest
from aiohttp import WSMsgType
from aiohttp._websocket.reader import WebSocketDataQueue
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_websocket import WSMessageTextBytes

from signaling_sidecar.server.sockets.front import Front
from signaling_sidecar.server.sockets.message_queue import Message, MessageQueue
from tests.kit.raw_socket import TEXT, frame, raw_websocket
from tests.kit.serving import Served

PING, PONG = b'{"type":"ping"}', (TEXT, b'{"type":"pong"}')


def message(text: bytes) -> Message:
    return WSMessageTextBytes(WSMsgType.TEXT, text, "")


class Taker:
    """A function that takes each message, except for those that begin with `wait`, which must be queued."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    def __call__(self, offered: Message) -> bool:
        if offered.data.startswith(b"wait"):
            return False
        self.taken.append(offered.data)
        return True


@pytest.fixture
async def queue() -> MessageQueue:
    return MessageQueue(BaseProtocol(asyncio.get_running_loop()))


async def waiting(queue: MessageQueue, take: Taker) -> asyncio.Task[Message]:
    """Create a task that waits for the next message, and return the task."""
    task = asyncio.create_task(queue.next(take))
    await asyncio.sleep(0)
    return task


async def test_a_message_is_handled_while_it_is_parsed_without_waking_the_task(queue: MessageQueue) -> None:
    take = Taker()
    task = await waiting(queue, take)
    queue.feed_data(message(b"one"), 3)
    queue.feed_data(message(b"two"), 3)
    assert take.taken == [b"one", b"two"]
    await asyncio.sleep(0)
    assert not task.done()
    task.cancel()


async def test_no_message_overtakes_one_that_is_queued(queue: MessageQueue) -> None:
    take = Taker()
    queue.feed_data(message(b"early"), 5)  # no task waits for a message yet
    task = await waiting(queue, take)
    assert (await task).data == b"early"

    task = await waiting(queue, take)
    for text in (b"one", b"wait", b"two"):
        queue.feed_data(message(text), len(text))
    assert take.taken == [b"one"]
    assert [(await task).data, (await queue.next(take)).data] == [b"wait", b"two"]

    await waiting(queue, take)
    queue.feed_data(message(b"three"), 5)
    assert take.taken == [b"one", b"three"]


async def test_messages_arrive_although_the_parser_does_not_offer_them(queue: MessageQueue) -> None:
    take = Taker()
    for text in (b"one", b"two", b"three"):
        task = await waiting(queue, take)
        WebSocketDataQueue.feed_data(queue, message(text), len(text))
        assert (await task).data == text
    assert take.taken == []


async def test_a_frame_that_cannot_be_handled_ends_its_own_connection_only(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    witness, raw = await served.connect(), await raw_websocket(served.client.port or 0)
    for _ in range(2):  # only the first frame of a connection is always queued
        assert await witness.ask({"type": "ping"}) == {"type": "pong"}
        raw.send(frame(TEXT, PING))
        assert await raw.frame() == PONG
    with monkeypatch.context() as patch:
        patch.setattr(Front, "read", lambda *_: 1 / 0)
        raw.send(frame(TEXT, PING))
        assert await raw.rest() == b""
    await raw.close()
    assert await witness.ask({"type": "ping"}) == {"type": "pong"}
    (closed,) = served.records("connection.closed")
    assert closed["data"]["ending"] == "lost"
    (error,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert error.exc_info is not None
    assert error.exc_info[0] is ZeroDivisionError
