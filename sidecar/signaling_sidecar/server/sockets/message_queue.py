"""A queue between aiohttp's WebSocket parser and the reader of a connection.

aiohttp's own queue wakes the task that waits for a message. Waking a task takes about as long as handling most
messages. So this queue first offers each message to a function, while the parser is still running. It only queues the
messages that the function does not take.

If a new version of aiohttp does not put messages into the queue with `feed_data`, all messages are queued.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import WSMsgType
from aiohttp._websocket.reader import WebSocketDataQueue  # a private class, but the parser can feed no other
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_websocket import WSMessageNoDecodeText

Message = WSMessageNoDecodeText
Take = Callable[[Message], bool]
"""Handles a message, or returns False if it must be queued. It must not raise an exception, because aiohttp's compiled
parser would only print it."""

_PONG = WSMsgType.PONG  # a constant, because this file tests each frame for it
QUEUE_BYTES = 2**16  # bytes of messages that may be queued; while there are more, reading from the connection is paused


def queue_all(message: Message) -> bool:
    return False


class MessageQueue(WebSocketDataQueue):
    def __init__(self, protocol: BaseProtocol) -> None:
        super().__init__(protocol, QUEUE_BYTES, loop=asyncio.get_running_loop())
        self.take_pong: Take = queue_all
        """Is offered each pong as soon as it arrives, even while earlier messages are queued."""
        self._offer: Take = queue_all
        self._queued = 0

    def feed_data(self, message: Message, *size: int) -> None:
        if message.type is _PONG and self.take_pong(message):
            return
        if not self._offer(message):
            self._offer = queue_all  # later messages are queued, too, because they must not overtake this one
            self._queued += 1
            super().feed_data(message, *size)

    async def next(self, take: Take) -> Message:
        """Return the next message that `take` does not take. Messages are offered to `take` only during this call.

        Raises EofStream when the connection is lost, and WebSocketError when the client has violated the protocol.
        """
        if not self._queued:
            self._offer = take
        try:
            message: Message = await self.read()
        finally:
            self._offer = queue_all
        self._queued -= 1
        return message
