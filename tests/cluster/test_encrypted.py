"""The connection to Redis uses TLS, as managed Redis services require."""

from __future__ import annotations

import signal
from contextlib import AsyncExitStack
from pathlib import Path

from tests.cluster.traffic import traffic
from tests.kit.cluster_processes import cluster_processes
from tests.kit.redis_server import RedisServer


async def test_a_cluster_uses_encrypted_connections(
    tmp_path: Path, encrypting_redis: RedisServer, certificate: Path
) -> None:
    own = "&".join(f"{option}={certificate}" for option in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile"))
    url = f"rediss://127.0.0.1:{encrypting_redis.encrypted_port}/0?{own}"
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(cluster_processes(tmp_path, encrypting_redis, count=0))
        for _ in range(2):
            await cluster.start(url)
        clients = await stack.enter_async_context(traffic(cluster))
        await clients.have_received(50)
        (await cluster.owner()).send(signal.SIGTERM)
        await clients.have_received(50)
