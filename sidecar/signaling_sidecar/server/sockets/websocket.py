"""Receives the messages of a WebSocket (RFC 6455) after its handshake.

aiohttp's own `WebSocketResponse` does not send its pongs and Close frames through our outbox, so that a peer that never
reads could make it buffer without limit. It also accepts unmasked frames, invalid close codes, HTTP/1.0 and old drafts.
So this package implements the handshake, sends everything through the outbox, and uses only aiohttp's parser.

aiohttp would also keep its HTTP protocol, with the request, the HTTP parser and two tasks, until the WebSocket ends.
All these objects take twice as much memory as everything else that a connection needs. So `WebSocket` is an asyncio
protocol of its own, which takes over the transport.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import WebSocketError, WSCloseCode, WSMsgType, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import WebSocketReader
from aiohttp.streams import EofStream

from signaling_sidecar.server.sockets.frame_check import FrameCheck
from signaling_sidecar.server.sockets.message_queue import Message, MessageQueue, Take, queue_all

LARGEST_CLOSE_CODE = 4999  # RFC 6455, 7.4.2


class WebSocket(asyncio.Protocol):
    """Must be created in a running event loop, after the handshake was answered (`handshake.py`)."""

    __slots__ = ("_first_wrong", "_flow", "_is_broken", "_on_lost", "_parse", "_parse_eof", "_queue")

    def __init__(self, max_message_bytes: int) -> None:
        # A full queue pauses the transport through `_flow`, and not through the WebSocket. If the queue and the
        # WebSocket referred to each other, only Python's garbage collector could free them.
        self._flow = BaseProtocol(asyncio.get_running_loop())
        self._flow._upgraded = True  # there is no HTTP parser to pause
        self._queue = MessageQueue(self._flow)
        # The parser refuses messages of this size or more.
        parser = WebSocketReader(self._queue, max_message_bytes + 1, compress=False, decode_text=False)
        self._parse, self._parse_eof = parser.feed_data, parser.feed_eof
        self._first_wrong = FrameCheck().first_wrong
        self._is_broken = False
        """Whether the client has violated the protocol. All that it sends afterwards is ignored."""
        self._on_lost: Callable[[], None] | None = None

    def take_over(self, request: web.Request) -> asyncio.Transport:
        """Begin to read from the connection after its handshake was answered. Raises ConnectionResetError if the client
        has disconnected.

        After this call, aiohttp frees the objects of the request, as if the connection were lost.
        """
        http = request.protocol
        transport = self._flow.transport = request.transport
        if transport is None:
            raise ConnectionResetError
        early = _Early()
        http.set_parser(early)  # type: ignore[arg-type]  # only these two methods are called
        transport.set_protocol(self)
        http.transport = None  # so that the next line does not close the transport
        http.connection_lost(None)
        self.data_received(early.data)
        return transport

    def offer_pongs(self, take: Take) -> None:
        """Offer each pong to `take` as soon as it arrives, even while earlier messages wait to be handled."""
        self._queue.take_pong = take

    async def receive(self, take: Take = queue_all) -> Message | None:
        """Return the next message that `take` does not take, with its text as bytes, or None if the connection is lost.

        `take` is only called while `receive` is running. Raises WebSocketError, which has the close code, when the
        client has violated the protocol and must be disconnected.
        """
        try:
            message = await self._queue.next(take)
        except EofStream:
            return None
        if message.type is WSMsgType.TEXT and not is_utf8(message.data):
            raise WebSocketError(WSCloseCode.INVALID_TEXT, "a text frame is not UTF-8")
        if message.type is WSMsgType.CLOSE:
            _check_close_code(message.data)
        return message

    async def wait_lost(self, within_s: float) -> None:
        """Return when the peer has closed its end of the connection, or after the given time."""
        lost = asyncio.Event()
        self._on_lost = lost.set
        if self._flow.transport is None:
            return
        try:
            async with asyncio.timeout(within_s):
                await lost.wait()
        except TimeoutError:
            pass

    def data_received(self, data: bytes) -> None:
        if self._is_broken:
            return
        if data.__class__ is not bytes:
            data = bytes(data)  # on Windows, the event loop passes a bytearray
        wrong = self._first_wrong(data)
        self._is_broken, _ = self._parse(data if wrong is None else data[: wrong.at])
        if wrong is not None and not self._is_broken:
            self._is_broken = True
            self._queue.set_exception(WebSocketError(WSCloseCode.PROTOCOL_ERROR, wrong.why))

    def connection_lost(self, exc: BaseException | None) -> None:
        self._flow.connection_lost(exc)
        self._parse_eof()
        if self._on_lost is not None:
            self._on_lost()


class _Early:
    """Stands in for the WebSocket parser, and stores what the client has sent before the handshake was answered."""

    def __init__(self) -> None:
        self.data = b""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.data += data
        return False, b""

    def feed_eof(self) -> None:
        """Does nothing, because the connection is not lost, but taken over."""


def is_utf8(text: bytes) -> bool:
    if text.isascii():  # this check is much faster than decoding, and nearly all text is ASCII
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _check_close_code(code: int) -> None:
    """Check the close codes that aiohttp does not check: 1006, which must not be sent (RFC 6455, 7.4.1), and codes
    above 2999."""
    if code == WSCloseCode.ABNORMAL_CLOSURE or code > LARGEST_CLOSE_CODE:
        raise WebSocketError(WSCloseCode.PROTOCOL_ERROR, f"no connection can be closed with code {code}")
