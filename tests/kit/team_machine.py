"""Simulates a team's machine, on which a sidecar runs behind a web server with https, for programs on a laptop."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.kit.certificate import create_certificate, host_name
from tests.kit.fault_proxy import FaultProxy
from tests.kit.sites import Sidecar

NAME = "signaling.team.example"
# DNS does not have this name, so a script makes Node.js resolve it.
_RESOLVES = f"""
import dns from 'node:dns'
const {{ lookup }} = dns
dns.lookup = (name, ...rest) => lookup(name === '{NAME}' ? '127.0.0.1' : name, ...rest)
"""


@dataclass
class TeamMachine:
    url: str
    env: dict[str, str]
    """The environment variables with which Node.js resolves the machine's name, and accepts its certificate."""


@asynccontextmanager
async def team_machine(sidecar: Sidecar, folder: Path) -> AsyncIterator[TeamMachine]:
    """Serve this sidecar over https, under the name of the machine."""
    certificate = create_certificate(folder / "team.pem", host_name(NAME))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    served = FaultProxy(int(sidecar.url.rpartition(":")[2]))
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0, ssl=context)
    resolves = folder / "resolves.mjs"
    resolves.write_text(_RESOLVES)
    env = {"NODE_OPTIONS": f"--import {resolves.as_uri()}", "NODE_EXTRA_CA_CERTS": str(certificate)}
    async with server:
        yield TeamMachine(f"https://{NAME}:{server.sockets[0].getsockname()[1]}", env)
        served.reset()
