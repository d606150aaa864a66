"""Pages of a simple app, as in a first WebRTC tutorial.

Because of the plugin's option `trace: true`, they report their connections.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from playwright.async_api import BrowserContext, Page

from tests.e2e.reported_verdicts import Expected
from tests.kit.programs import Start
from tests.kit.sites import PLUGIN, Site, sidecar_in, start_vite, url_in, write_project

APP = Path(__file__).parent / "plain_app.js"
ON_THE_LAN = "192.0.2.1"  # RFC 5737: no machine has this address, and a page there is not a secure context
SLOW = ["--max-frames-per-s", "1"]  # after a burst of 500; TOO_MANY sends 600 frames, so the last ones are refused
FLAGS = [f"--host-resolver-rules=MAP {ON_THE_LAN} 127.0.0.1"]


async def start_plain_app(start: Start, folder: Path) -> Site:
    options = json.dumps({"trace": True, "sidecar": {"args": SLOW}})
    config = f"import signaling from '{PLUGIN}'\nexport default {{ plugins: [signaling({options})] }}\n"
    project = write_project(folder / "app", config)
    (project / "index.html").write_text("<!doctype html><body><script type='module' src='/main.js'></script>")
    (project / "main.js").write_text(APP.read_text())
    vite = await start_vite(start, project)
    return Site(await url_in(vite), vite, await sidecar_in(vite))


class PlainPages(NamedTuple):
    """The tabs of a window, each with a page of the app. The browser must have been started with `FLAGS`."""

    site: Site
    window: BrowserContext

    async def open(self, room: str, me: str, *, secure: bool = True, joined: bool = True, **wishes: object) -> Page:
        """Open a page, and wait until its peer has joined. `wishes` are the options described in plain_app.js."""
        url = urlsplit(self.site.url)
        origin = self.site.url if secure else f"http://{ON_THE_LAN}:{url.port}/"
        page = await self.window.new_page()
        await page.goto(f"{origin}?{urlencode({'room': room, 'me': me, **wishes})}")
        assert await page.evaluate("isSecureContext") is secure
        if joined:
            await page.wait_for_selector("[data-joined]", state="attached")
        return page

    async def pair(self, room: str, *, secure: bool = True, **wishes: object) -> tuple[Page, Page]:
        """Open a page of Ann, then one of Ben."""
        ann = await self.open(room, "ann", secure=secure, **wishes)
        return ann, await self.open(room, "ben", secure=secure, **wishes)


Make = Callable[[PlainPages, str], Awaitable[object]]
"""A function that opens pages in a room, and makes their peers do something there."""


class Case(NamedTuple):
    """An action in a room, and the expected diagnosis of the two peers there."""

    make: Make
    expected: Expected
