"""A Nostr relay for tests of trystero, whose default strategy sends its signals through such relays.

It implements, in memory, the part of NIP-01 that trystero uses.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

Filter = dict[str, Any]


class NostrRelay:
    """Sends each event to the clients that have subscribed to its kind and topic, and stores nothing."""

    def __init__(self) -> None:
        self._wishes: dict[tuple[web.WebSocketResponse, str], list[Filter]] = {}

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await self._take(socket, json.loads(message.data))
        self._wishes = {key: filters for key, filters in self._wishes.items() if key[0] is not socket}
        return socket

    async def _take(self, socket: web.WebSocketResponse, message: list[Any]) -> None:
        match message:
            case ["REQ", str() as name, *filters]:
                self._wishes[socket, name] = filters
                await socket.send_json(["EOSE", name])
            case ["CLOSE", str() as name]:
                self._wishes.pop((socket, name), None)
            case ["EVENT", dict() as event]:
                await socket.send_json(["OK", event["id"], True, ""])
                for (receiver, name), filters in list(self._wishes.items()):
                    if any(_is_wanted(event, each) for each in filters):
                        await receiver.send_json(["EVENT", name, event])


def _is_wanted(event: dict[str, Any], wanted: Filter) -> bool:
    topics = {value for name, value, *_ in event["tags"] if name == "x"}
    return event["kind"] in wanted["kinds"] and bool(topics & set(wanted["#x"]))


@asynccontextmanager
async def nostr_relay() -> AsyncIterator[str]:
    """Run a relay, and yield its URL."""
    app = web.Application()
    app.router.add_get("/", NostrRelay().serve)
    async with TestServer(app) as server:
        yield f"ws://127.0.0.1:{server.port}/"
