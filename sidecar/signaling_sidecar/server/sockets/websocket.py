"""A WebSocket (RFC 6455) on aiohttp's HTTP server: its handshake, and receiving its messages.

aiohttp's own `WebSocketResponse` does not send its pongs and Close frames through our outbox, so that a peer that never
reads could make it buffer without limit. It also accepts unmasked frames, impossible close codes, HTTP/1.0 and old
drafts. So the handshake is implemented here, everything is sent through the outbox, and only aiohttp's parser is used.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import re

from aiohttp import WebSocketError, WSCloseCode, WSMsgType, web
from aiohttp.http import WS_KEY, WebSocketReader
from aiohttp.streams import EofStream

from signaling_sidecar.dialects import Rejection
from signaling_sidecar.server.sockets.frame_check import FrameCheck
from signaling_sidecar.server.sockets.message_queue import Message, MessageQueue, Take, queue_all

VERSION = "13"
KEY_BYTES = 16  # RFC 6455, 4.1
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
LARGEST_CLOSE_CODE = 4999  # RFC 6455, 7.4.2


class WebSocket(web.StreamResponse):
    """The response to a handshake that `refuse_handshake` has accepted. It sends only this response."""

    def __init__(self, request: web.Request) -> None:
        key = request.headers["Sec-WebSocket-Key"].encode()
        accept = base64.b64encode(hashlib.sha1(key + WS_KEY, usedforsecurity=False).digest()).decode()
        headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept}
        # A browser that has offered subprotocols fails the connection if the server chooses none.
        offered = _words(request, "Sec-WebSocket-Protocol")
        super().__init__(status=101, headers=headers | ({"Sec-WebSocket-Protocol": offered[0]} if offered else {}))
        self._queue: MessageQueue
        self._parser: _Parser

    async def begin(self, request: web.Request, max_message_bytes: int) -> asyncio.Transport:
        """Answer the handshake and begin to read. Raises ConnectionError if the client has disconnected already."""
        self.force_close()
        await self.prepare(request)
        transport = request.transport
        if transport is None:
            raise ConnectionResetError
        self._queue = MessageQueue(request.protocol)
        self._parser = _Parser(self._queue, max_message_bytes)
        request.protocol.set_parser(self._parser)
        request.protocol.keep_alive(False)
        return transport

    async def receive(self, take: Take = queue_all) -> Message | None:
        """Return the next message that `take` does not take, with its text as bytes, or None if the connection is lost.

        `take` is only called while nothing else is being handled. Raises WebSocketError, which has the close code, when
        the client has broken a rule and must be disconnected.
        """
        try:
            message = await self._queue.next(take)
        except EofStream:
            return None
        if not is_well_formed(message):
            raise WebSocketError(WSCloseCode.INVALID_TEXT, "a text frame is not UTF-8")
        if message.type is WSMsgType.CLOSE:
            _check_close_code(message.data)
        return message

    def fail(self, error: Exception) -> None:
        """Let `receive` raise this exception, because a message could not be handled."""
        self._queue.set_exception(error)

    async def wait_lost(self, within_s: float) -> None:
        """Return when the peer has closed its end of the connection, or after the given time."""
        try:
            async with asyncio.timeout(within_s):
                await self._parser.lost.wait()
        except TimeoutError:
            pass


def refuse_handshake(request: web.Request) -> web.HTTPException | None:
    """Check a request for which `is_handshake` is True. Returns the error if it is not a valid handshake."""
    if request.version < (1, 1) or request.method != "GET" or request.body_exists:
        return web.HTTPBadRequest(text="a WebSocket handshake is a GET of HTTP/1.1 without a body\n")
    if request.headers.getall("Sec-WebSocket-Version", ()) != [VERSION]:
        headers = {"Upgrade": "websocket", "Sec-WebSocket-Version": VERSION}
        return web.HTTPUpgradeRequired(text=f"the WebSocket protocol here is version {VERSION}\n", headers=headers)
    keys = request.headers.getall("Sec-WebSocket-Key", ())
    if len(keys) != 1 or not _is_key(keys[0]):
        return web.HTTPBadRequest(text="Sec-WebSocket-Key must be 16 bytes in base64, once\n")
    if not all(map(_TOKEN.fullmatch, _words(request, "Sec-WebSocket-Protocol"))):  # our answer contains one of them
        return web.HTTPBadRequest(text="Sec-WebSocket-Protocol must be names separated by commas\n")
    return None


def is_handshake(request: web.Request) -> bool:
    """Whether the request asks for an upgrade to the WebSocket protocol."""
    return _asks_for("websocket", request, "Upgrade") and _asks_for("upgrade", request, "Connection")


def error_of(rejection: Rejection) -> web.HTTPException:
    """Return the response of a dialect to a request that is not a handshake, or to a handshake that the dialect
    rejects."""
    if rejection.status == web.HTTPUpgradeRequired.status_code:
        return web.HTTPUpgradeRequired(text=rejection.text, headers={"Upgrade": "websocket"})
    return web.HTTPBadRequest(text=rejection.text)


class _Parser(WebSocketReader):
    """The parser of aiohttp, which sees only frames that `FrameCheck` accepts."""

    def __init__(self, queue: MessageQueue, max_message_bytes: int) -> None:
        super().__init__(
            queue, max_message_bytes + 1, compress=False, decode_text=False
        )  # the parser refuses messages of this size or more
        self._queue = queue
        self._check = FrameCheck()
        self.lost = asyncio.Event()

    def feed_data(self, data: bytes | bytearray | memoryview) -> tuple[bool, bytes]:
        data = bytes(data)  # on Windows, the event loop passes a bytearray
        wrong = self._check.first_wrong(data)
        if wrong is None:
            return super().feed_data(data)
        super().feed_data(data[: wrong.at])
        if self._queue.exception() is None:
            self._queue.set_exception(WebSocketError(WSCloseCode.PROTOCOL_ERROR, wrong.why))
        return True, b""

    def feed_eof(self) -> None:
        self.lost.set()
        super().feed_eof()


def is_well_formed(message: Message) -> bool:
    """Whether the data of a text frame is UTF-8."""
    if message.type is not WSMsgType.TEXT or message.data.isascii():
        return True
    try:
        message.data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _check_close_code(code: int) -> None:
    """Check the close codes that aiohttp does not check: 1006, which must not be sent (RFC 6455, 7.4.1), and codes
    above 2999."""
    if code == WSCloseCode.ABNORMAL_CLOSURE or code > LARGEST_CLOSE_CODE:
        raise WebSocketError(WSCloseCode.PROTOCOL_ERROR, f"no connection can be closed with code {code}")


def _words(request: web.Request, name: str) -> list[str]:
    """Return the words in a comma-separated header, which may occur several times."""
    words = ",".join(request.headers.getall(name, ())).split(",")
    return [word.strip() for word in words if word.strip()]


def _asks_for(word: str, request: web.Request, header: str) -> bool:
    return word in (each.lower() for each in _words(request, header))


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == KEY_BYTES
    except (binascii.Error, ValueError):  # ValueError for characters outside of ASCII
        return False
