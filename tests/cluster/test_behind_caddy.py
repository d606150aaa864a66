"""`Caddyfile.cluster`, with a real Caddy in front of two sidecars that share their rooms."""

from __future__ import annotations

import asyncio
import re
import signal
from contextlib import AsyncExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from tests.kit.caddy import caddy
from tests.kit.cluster_processes import ClusterProcesses, Instance, cluster_processes
from tests.kit.receiving import receive, receive_json
from tests.kit.redis_server import RedisServer
from tests.kit.sidecar_command import PATIENCE_S

RETRY_S = 0.3
CLOSED_WITHIN = aiohttp.ClientWSTimeout(ws_close=1.0)  # a sidecar that was suspended does not answer the Close frame
FLAGS = ("--trusted-proxies", "127.0.0.1", "--drain-s", "5")


class Clients(AsyncExitStack):
    """Clients that connect through Caddy, until the block ends."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        super().__init__()
        self.refused = 0
        """How many handshakes were answered with 503."""
        self._session = session

    async def join(self, peer: str, **more: Any) -> tuple[aiohttp.ClientWebSocketResponse, Any]:
        """Return the socket, and the answer to the join."""
        socket = await self._connected()
        self.push_async_callback(socket.close)
        await socket.send_json({"type": "join", "roomId": "bar", "peerId": peer, "instance": f"page-{peer}", **more})
        return socket, await receive_json(socket)

    async def _connected(self) -> aiohttp.ClientWebSocketResponse:
        """Connect, and try again as real clients do if a sidecar answers 503 because it is about to stop."""
        while True:
            try:
                return await self._session.ws_connect("/ws/signaling", timeout=CLOSED_WITHIN)
            except aiohttp.WSServerHandshakeError as refused:
                if refused.status != HTTPStatus.SERVICE_UNAVAILABLE:
                    raise
                self.refused += 1
                await asyncio.sleep(RETRY_S)


def instance_of(peer: str, cluster: ClusterProcesses) -> Instance:
    """The sidecar to which Caddy has sent the client, according to the log of the cluster."""
    lines = b"".join(fields.get(b"lines", b"") for _, fields in cluster.redis.xrange("signaling-sidecar:log"))
    (connection,) = re.findall(rb'"peer.joined".*"peer":"%s","connection":(\d+)' % peer.encode(), lines)
    boot = cluster.redis.hget("signaling-sidecar:instances", int(connection) // 1_000_000_000)
    return next(each for each in cluster.instances if each.boot.encode() == boot)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
async def test_a_client_comes_back_to_another_sidecar_and_has_lost_nothing(
    tmp_path: Path, redis: RedisServer, end: signal.Signals
) -> None:
    async with cluster_processes(tmp_path, redis, *FLAGS, count=2) as cluster:
        sidecars = " ".join(each.url.removeprefix("http://") for each in cluster.instances)
        async with caddy(tmp_path, "Caddyfile.cluster", SIDECARS=sidecars) as session, Clients(session) as clients:
            ann, listed = await clients.join("ann", resume=True)
            ben, _ = await clients.join("ben")
            joined = await receive_json(ann)
            ended = instance_of("ann", cluster)
            assert instance_of("ben", cluster) is not ended
            ended.send(end)
            if end is not signal.SIGSTOP:  # a suspended sidecar closes nothing, so the client stops waiting
                await receive(ann)
            await ben.send_json({"type": "offer", "to": "ann", "n": 1})
            token = {"token": listed["resume"]["token"], "after": joined["s"]}
            ann, resumed = await clients.join("ann", resume=token)
            assert resumed["type"] == "resumed"
            frames = [await receive_json(ann)]
            while frames[-1]["type"] != "offer":
                frames.append(await receive_json(ann))
            assert (frames[-1]["from"], frames[-1]["n"]) == ("ben", 1)
            assert "peer_left" not in {frame["type"] for frame in frames}
            assert clients.refused <= 1  # after one refusal, Caddy sends no client to that sidecar


async def test_the_checks_of_ready_name_the_site_in_their_host_header_and_not_the_container(tmp_path: Path) -> None:
    checked: asyncio.Queue[str] = asyncio.Queue()

    async def answer(request: web.BaseRequest) -> web.Response:
        if request.path == "/ready":
            checked.put_nowait(request.host)
        return web.Response()

    async with (
        RawTestServer(answer) as sidecar,
        caddy(tmp_path, "Caddyfile.cluster", SIDECARS=f"localhost:{sidecar.port}") as session,
        session.get("/ws/signaling/rooms") as rooms,
    ):
        assert await asyncio.wait_for(checked.get(), PATIENCE_S) == rooms.url.authority
