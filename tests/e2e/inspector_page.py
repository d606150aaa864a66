"""The page of the inspector in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from playwright.async_api import Browser, Locator, Page

from signaling_sidecar.admin_request import ask_admin
from signaling_sidecar.eventlog.state_dir import read_runtime
from tests.kit.checkout import FRONTEND
from tests.kit.sites import Sidecar

AXE = FRONTEND / "node_modules" / "axe-core" / "axe.min.js"
FOUND = """async (part) => {
  const { violations } = await axe.run(part ?? document, { resultTypes: ['violations'] })
  const isSerious = ({ impact }) => impact === 'serious' || impact === 'critical'
  return violations.filter(isSerious).map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}"""
ASSETS = Path(__file__).parents[2] / "sidecar" / "signaling_sidecar" / "server" / "inspector" / "assets"


def admin_token(sidecar: Sidecar) -> str:
    runtime = read_runtime(sidecar.state_dir)
    assert runtime is not None
    return runtime.admin_token


def ask(sidecar: Sidecar, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    return ask_admin(sidecar.url, admin_token(sidecar), method, path, body)


class Inspector(NamedTuple):
    page: Page
    url: str
    faults: list[str]
    """The errors in the browser: exceptions, refused loads and violations of the content security policy."""

    async def open(self, **query: str) -> None:
        await self.page.goto(f"{self.url}?{urlencode(query)}" if query else self.url)

    def room(self, room: str) -> Locator:
        """The entry of this room in the list of rooms."""
        return self.page.locator(f"#rooms [data-room={room!r}]")

    def rows(self, view: str) -> Locator:
        return self.page.locator(f"#{view}-list [role=option]")

    async def axe(self) -> list[str]:
        return await serious_violations(self.page)


async def serious_violations(page: Page, part: str | None = None) -> list[str]:
    """The serious and critical violations that axe finds in the page, or in the element that matches a CSS selector.

    The test runs the script of axe itself, because the page's CSP may forbid to load it.
    """
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text())
    found: list[str] = await page.evaluate(FOUND, part)
    return found


async def open_inspector(browser: Browser, sidecar: Sidecar, **options: Any) -> Inspector:
    """Open a window for the inspector at the sidecar's own port.

    Its requests contain the admin's token, as those of Vite's proxy do.
    """
    headers = {"Authorization": f"Bearer {admin_token(sidecar)}"}
    context = await browser.new_context(extra_http_headers=headers, **options)
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    inspector = Inspector(await context.new_page(), f"{sidecar.url}/inspector/", [])
    inspector.page.on("pageerror", lambda error: inspector.faults.append(str(error)))
    inspector.page.on("console", lambda message: inspector.faults.append(message.text))
    return inspector
