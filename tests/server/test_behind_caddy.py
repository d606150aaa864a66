"""The Caddyfile, with a real Caddy that terminates TLS in front of a real sidecar."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest

from signaling_sidecar.server.drain import LEAST_IN_A_WAVE
from tests.kit.deployment import DEPLOY, tool
from tests.kit.killable_sidecar import KillableSidecar
from tests.kit.programs import until
from tests.kit.receiving import receive, receive_json
from tests.kit.redis_server import free_port
from tests.kit.sidecar_command import PATIENCE_S

AUTHORITY = Path("caddy/pki/authorities/local/root.crt")
# What a test must have differently: no access to port 80, to the machine's list of authorities and to a fixed port.
OPTIONS = "{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n}\n"


class Site(NamedTuple):
    """A sidecar behind Caddy."""

    sidecar: KillableSidecar
    session: aiohttp.ClientSession
    """It trusts Caddy's certificate, and has Caddy's URL."""

    def records(self, type_: str) -> list[str]:
        folder = self.sidecar.errors.parent / "state"
        lines = [line for path in sorted(folder.glob("events-*.jsonl")) for line in path.read_text().splitlines()]
        return [line for line in lines if f'"{type_}"' in line]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    caddy = tool("caddy")
    sidecar, port = KillableSidecar(tmp_path), free_port()
    flags = ("--allow-origin", "https://app.example", "--trusted-proxies", "127.0.0.1", "--drain-s", "10")
    await sidecar.start(*flags)
    (tmp_path / "Caddyfile").write_text(OPTIONS + (DEPLOY / "Caddyfile").read_text())
    environment = os.environ | {
        "XDG_DATA_HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "DOMAIN": f"localhost:{port}",
        "SIDECAR": f"127.0.0.1:{sidecar.port}",
    }
    with (tmp_path / "caddy.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            caddy, "run", "--config", tmp_path / "Caddyfile", env=environment, stdout=log, stderr=log
        )
    await until((tmp_path / AUTHORITY).exists, "Caddy has made a certificate", PATIENCE_S)
    trust = ssl.create_default_context(cafile=str(tmp_path / AUTHORITY))
    connector = aiohttp.TCPConnector(ssl=trust, limit=0)
    async with aiohttp.ClientSession(f"https://localhost:{port}", connector=connector) as session:
        async with asyncio.timeout(PATIENCE_S):
            while not await answers(session):  # noqa: ASYNC110 - nothing here could set an event
                await asyncio.sleep(0.1)
        yield Site(sidecar, session)
    process.terminate()
    await process.wait()
    await sidecar.end(lambda process: process.kill())


async def answers(session: aiohttp.ClientSession) -> bool:
    try:
        async with session.get("/ws/signaling/rooms") as answer:
            return answer.status == 200
    except aiohttp.ClientConnectorError:
        return False


async def test_websockets_go_through_caddy_and_have_the_address_that_caddy_saw(site: Site) -> None:
    headers = {"X-Forwarded-For": "203.0.113.9", "X-Request-ID": "made-up", "Origin": "https://app.example"}
    async with (
        site.session.ws_connect("/ws/signaling", headers=headers) as ann,
        site.session.ws_connect("/ws/signaling") as ben,
    ):
        assert len(ann._response.headers["X-Request-ID"]) == 36  # a UUID of Caddy, and not what the client made up
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
    sockets = [await site.session.ws_connect("/ws/signaling") for _ in range(2 * LEAST_IN_A_WAVE)]
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
