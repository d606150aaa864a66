"""The Caddyfile, with a real Caddy that terminates TLS in front of a real sidecar."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest

from signaling_sidecar.server.drain import USUAL_WAVE
from tests.kit.caddy import caddy
from tests.kit.killable_sidecar import KillableSidecar
from tests.kit.receiving import receive, receive_json
from tests.kit.sidecar_command import PATIENCE_S


class Site(NamedTuple):
    """A sidecar behind Caddy."""

    sidecar: KillableSidecar
    session: aiohttp.ClientSession
    """A session with Caddy's URL, which trusts Caddy's certificate."""

    def records(self, type_: str) -> list[str]:
        folder = self.sidecar.errors.parent / "state"
        lines = [line for path in sorted(folder.glob("events-*.jsonl")) for line in path.read_text().splitlines()]
        return [line for line in lines if f'"{type_}"' in line]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    sidecar = KillableSidecar(tmp_path)
    flags = ("--allow-origin", "https://app.example", "--trusted-proxies", "127.0.0.1", "--drain-s", "10")
    await sidecar.start(*flags)
    async with caddy(tmp_path, "Caddyfile", SIDECAR=f"127.0.0.1:{sidecar.port}") as session:
        yield Site(sidecar, session)
    await sidecar.end(lambda process: process.kill())


async def test_websockets_go_through_caddy_and_have_the_address_that_caddy_saw(site: Site) -> None:
    headers = {"X-Forwarded-For": "203.0.113.9", "X-Request-ID": "made-up", "Origin": "https://app.example"}
    async with (
        site.session.ws_connect("/ws/signaling", headers=headers) as ann,
        site.session.ws_connect("/ws/signaling") as ben,
    ):
        assert len(ann._response.headers["X-Request-ID"]) == 36  # a UUID from Caddy, not the client's value
        for socket_, peer in ((ann, "ann"), (ben, "ben")):
            await socket_.send_json({"type": "join", "roomId": "bar", "peerId": peer})
            assert (await receive_json(socket_))["type"] == "peer_list"
        await ben.send_json({"type": "offer", "to": "ann", "sdp": "v=0" + "x" * 60_000})
        assert (await receive_json(ann))["type"] == "peer_joined"
        assert (await receive_json(ann))["from"] == "ben"
    assert "127.0.0.1" in site.records("connection.opened")[0]
    assert "203.0.113.9" not in "".join(site.records("connection.opened"))


async def test_only_the_paths_of_the_wire_protocols_are_forwarded(site: Site) -> None:
    for path in ("/metrics", "/admin/v1/rooms", "/inspector/", "/health", "/", "/ws/signaling/../../metrics"):
        async with site.session.get(path) as answer:
            assert (answer.status, await answer.text()) == (404, "The app is elsewhere."), path


async def test_a_page_of_another_origin_is_refused_through_caddy_too(site: Site) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await site.session.ws_connect("/ws/signaling", headers={"Origin": "https://evil.example"})
    assert refused.value.status == 403


async def test_the_waves_arrive_through_caddy_and_a_client_waits_there_for_the_next_sidecar(site: Site) -> None:
    sockets = [await site.session.ws_connect("/ws/signaling") for _ in range(2 * USUAL_WAVE)]
    os.kill(site.sidecar.pid, 15)
    first = await receive(sockets[0])
    assert (first.data, first.extra) == (1012, "restart")
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await site.session.ws_connect("/ws/signaling")
    assert (refused.value.status, "Retry-After" in (refused.value.headers or {})) == (503, True)
    others = [await receive(socket_) for socket_ in sockets[1:]]
    assert {each.data for each in others} == {1012}
    assert await site.sidecar.ended() == 0
    waiting = asyncio.create_task(site.session.ws_connect("/ws/signaling"))
    await site.sidecar.end(lambda process: None)
    await site.sidecar.start()
    async with asyncio.timeout(PATIENCE_S), await waiting as ann:
        await ann.send_json({"type": "join", "roomId": "bar", "peerId": "ann"})
        assert (await ann.receive_json())["type"] == "peer_list"
