"""Runs Caddy as a load balancer in front of several sidecars, which a Vite dev server uses like one."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.kit.deployment import tool
from tests.kit.free_port import free_port
from tests.kit.programs import start_program

# Each WebSocket goes to the next sidecar. Other requests do not affect this order, so a test knows where a page is
# connected.
_CADDYFILE = """{{
	admin off
	auto_https off
	persist_config off
}}
(waiting) {{
	lb_try_duration 20s
	lb_try_interval 50ms
	health_uri /ready
	health_interval 100ms
}}
http://:{port} {{
	bind 127.0.0.1
	@socket header Upgrade websocket
	handle @socket {{
		reverse_proxy {sidecars} {{
			lb_policy round_robin
			import waiting
		}}
	}}
	reverse_proxy {sidecars} {{
		import waiting
	}}
}}
"""


@asynccontextmanager
async def load_balancer(folder: Path, urls: Sequence[str]) -> AsyncIterator[str]:
    """Distribute connections to those of these sidecars that are ready. Yields the balancer's URL."""
    caddy, port = tool("caddy"), free_port()
    config = folder / "Caddyfile"
    config.write_text(_CADDYFILE.format(port=port, sidecars=" ".join(url.removeprefix("http://") for url in urls)))
    env = os.environ | {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    program = await start_program([caddy, "run", "--config", config], folder, env)
    try:
        await program.line("serving initial configuration")
        yield f"http://127.0.0.1:{port}"
    finally:
        await program.stop()
