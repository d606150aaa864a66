"""The server of `sidecar inspect --url` tells the page why the sidecar has refused a request."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from signaling_sidecar.server.admin.remote_inspector import show_remote_inspector
from tests.kit.receiving import PATIENCE_S


@pytest.mark.parametrize(
    ("refusal", "status", "said"),
    [
        (web.HTTPUnauthorized(text="the token has expired"), 502, "has refused the token"),
        (web.HTTPForbidden(headers={"WWW-Authenticate": "Bearer"}), 502, "has refused the token"),
        (web.HTTPForbidden(text="refused a request with Host 'lab'"), 403, "refused a request with Host 'lab'"),
    ],
)
async def test_only_a_refused_token_is_called_refused(refusal: web.HTTPException, status: int, said: str) -> None:
    async def refuse(_: web.Request) -> web.Response:
        raise refusal

    app = web.Application()
    app.router.add_get("/inspector/api/rooms", refuse)
    links: asyncio.Queue[str] = asyncio.Queue()
    async with asyncio.timeout(PATIENCE_S), TestServer(app) as sidecar, aiohttp.ClientSession() as session:
        showing = asyncio.create_task(show_remote_inspector(str(sidecar.make_url("")), "token", links.put_nowait))
        page, _, code = (await links.get()).partition("#code=")
        async with session.post(f"{page}api/session", json={"code": code}) as answer:
            token = (await answer.json())["token"]
        async with session.get(f"{page}api/rooms", headers={"Authorization": f"Bearer {token}"}) as answer:
            assert answer.status == status
            assert said in await answer.text()
        showing.cancel()
        with suppress(asyncio.CancelledError):
            await showing
