"""Runs a real Caddy with a Caddyfile of `sidecar/deploy`."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests.kit.deployment import DEPLOY, tool
from tests.kit.free_port import free_port
from tests.kit.programs import until
from tests.kit.sidecar_command import PATIENCE_S

AUTHORITY = Path("caddy/pki/authorities/local/root.crt")
# In a test, Caddy must not use port 80 or another fixed port, and not change the machine's list of authorities.
OPTIONS = "{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n}\n"


@asynccontextmanager
async def caddy(folder: Path, caddyfile: str, **variables: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Run Caddy until the block ends. The yielded session has Caddy's URL, and trusts its certificate."""
    port = free_port()
    (folder / "Caddyfile").write_text(OPTIONS + (DEPLOY / caddyfile).read_text())
    folders = {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    environment = os.environ | folders | {"DOMAIN": f"localhost:{port}", **variables}
    with (folder / "caddy.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            tool("caddy"), "run", "--config", folder / "Caddyfile", env=environment, stdout=log, stderr=log
        )
    try:
        await until((folder / AUTHORITY).exists, "Caddy has made a certificate", PATIENCE_S)
        trust = ssl.create_default_context(cafile=str(folder / AUTHORITY))
        connector = aiohttp.TCPConnector(ssl=trust, limit=0)
        async with aiohttp.ClientSession(f"https://localhost:{port}", connector=connector) as session:
            async with asyncio.timeout(PATIENCE_S):
                while not await _answers(session):  # noqa: ASYNC110 - nothing here could set an event
                    await asyncio.sleep(0.1)
            yield session
    finally:
        process.terminate()
        await process.wait()


async def _answers(session: aiohttp.ClientSession) -> bool:
    try:
        async with session.get("/ws/signaling/rooms") as answer:
            return answer.status == 200
    except aiohttp.ClientConnectorError:
        return False
