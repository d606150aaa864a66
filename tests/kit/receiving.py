"""Receives messages on a WebSocket of aiohttp, with a deadline.

The `timeout` of aiohttp's own methods restarts with each ping. So a test that waits for a frame that never comes would
not end while the sidecar sends pings.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import ClientWebSocketResponse, WSMessage, WSMsgType

PATIENCE_S = 30.0  # seconds that a test waits for a frame before it fails, long enough for a busy machine


async def receive(socket: ClientWebSocketResponse, *skipped: WSMsgType, within_s: float = PATIENCE_S) -> WSMessage:
    """Return the next message whose type is not skipped."""
    async with asyncio.timeout(within_s):
        while (message := await socket.receive()).type in skipped:
            pass
    return message


async def receive_json(socket: ClientWebSocketResponse) -> Any:
    message = await receive(socket)
    assert message.type is WSMsgType.TEXT, message
    return json.loads(message.data)
