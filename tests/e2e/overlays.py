"""Finds the parts of the npm plugin's overlay in a page."""

from __future__ import annotations

from playwright.async_api import BrowserContext, Locator, Page

# The overlay has a closed shadow root, so that the tests of an app do not find its elements. Our tests open it.
OPEN_ROOTS = """
const attach = Element.prototype.attachShadow
Element.prototype.attachShadow = function (options) { return attach.call(this, { ...options, mode: 'open' }) }
"""
HOST = "signaling-overlay"


async def look_into_overlays(window: BrowserContext) -> None:
    """Open the shadow roots of all overlays. Must be called before the first page of the window is opened."""
    await window.add_init_script(OPEN_ROOTS)


def badge(page: Page) -> Locator:
    return page.locator(f"{HOST} .badge")


def panel(page: Page) -> Locator:
    return page.locator(f"{HOST} .panel")
