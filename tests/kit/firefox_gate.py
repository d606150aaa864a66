#!/usr/bin/env python3
"""Playwright starts this program instead of Firefox, with the same arguments, so that it can control any Firefox.

The environment variable FIREFOX must contain the path of the real Firefox.

Playwright controls an unmodified Firefox over WebDriver BiDi. For every new browser context it sends a command that the
newest Firefox supports but Debian's firefox-esr (153) does not, and fails if the command is refused. This program is a
proxy between Playwright and Firefox. It answers that command itself, and forwards everything else.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys

from aiohttp import ClientSession, ClientWebSocketResponse, web

NEW_COMMAND = "emulation.setMediaFeaturesOverride"
"""The command that sets the colour scheme of a page. Tests never change the scheme in Firefox."""
LISTENS = "WebDriver BiDi listening on {}"
"""The line on standard error that Playwright waits for."""
NO_LIMIT = 0  # bytes; the source text of a page is one message


async def _bidi_url(firefox: asyncio.subprocess.Process) -> str:
    assert firefox.stderr is not None
    async for line in firefox.stderr:
        if (found := re.search(LISTENS.format(r"(ws://\S+)"), line.decode())) is not None:
            return found[1]
    raise RuntimeError("firefox has ended, and has not said where it listens")


async def _pass_on_answers(firefox: ClientWebSocketResponse, playwright: web.WebSocketResponse) -> None:
    async for message in firefox:
        await playwright.send_str(message.data)
    await playwright.close()


async def _pass_on_commands(playwright: web.WebSocketResponse, firefox: ClientWebSocketResponse) -> None:
    async for message in playwright:
        command = json.loads(message.data)
        if command["method"] == NEW_COMMAND:
            await playwright.send_json({"type": "success", "id": command["id"], "result": {}})
        else:
            await firefox.send_str(message.data)


async def _serve(url: str) -> int:
    """Listen for one connection of Playwright, and return the port."""

    async def session(request: web.Request) -> web.WebSocketResponse:
        playwright = web.WebSocketResponse(max_msg_size=NO_LIMIT)
        await playwright.prepare(request)
        async with (
            ClientSession() as client,
            client.ws_connect(url + request.path, max_msg_size=NO_LIMIT) as firefox,
            asyncio.TaskGroup() as both,
        ):
            both.create_task(_pass_on_answers(firefox, playwright))
            both.create_task(_pass_on_commands(playwright, firefox))
        return playwright

    app = web.Application()
    app.router.add_get("/session", session)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port: int = runner.addresses[0][1]
    return port


async def main() -> None:
    words = [os.environ["FIREFOX"], *sys.argv[1:]]
    firefox = await asyncio.create_subprocess_exec(*words, stderr=asyncio.subprocess.PIPE)
    port = await _serve(await _bidi_url(firefox))
    print(LISTENS.format(f"ws://127.0.0.1:{port}"), file=sys.stderr, flush=True)
    await firefox.communicate()  # keep reading its output, so that Firefox never blocks


if __name__ == "__main__":
    asyncio.run(main())
