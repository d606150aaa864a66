"""Serve a page on the network, and proxy to the sidecar, as Vite does.

The program reads the URL of the sidecar from the state folder.

Tests run this program in the network namespace of a laptop: `python -m tests.lan.page STATE_DIR ADDRESS NAME`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from aiohttp import ClientSession, web

from tests.kit.site_file import write_site


async def serve(state_dir: Path, address: str, name: str) -> None:
    sidecar = json.loads((state_dir / "runtime.json").read_text())["url"]

    async def proxy(request: web.Request) -> web.Response:
        headers = {"Host": request.headers["Host"]}
        async with ClientSession() as session, session.get(sidecar + request.raw_path, headers=headers) as answer:
            return web.Response(body=await answer.read(), status=answer.status, content_type=answer.content_type)

    app = web.Application()
    app.router.add_get("/{path:.*}", proxy)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, address, 0)
    await site.start()
    port = runner.addresses[0][1]
    url = f"http://{f'[{address}]' if ':' in address else address}:{port}/"
    write_site(state_dir, name, url)
    print(url, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
