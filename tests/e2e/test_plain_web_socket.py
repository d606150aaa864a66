"""The original client of `rooms`: a few lines around a WebSocket, without our library."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Browser, Page

from tests.kit.sites import Site

# The frames are those in PROTOCOLS.md, "`rooms`". The client reconnects 2 s after any close, even after `disconnect()`.
CLIENT = """
window.frames_ = []
window.connect = peerId => {
  const socket = new WebSocket(`ws://${location.host}/ws/signaling`)
  socket.onopen = () => socket.send(JSON.stringify({ type: 'join', roomId: 'bar', peerId }))
  socket.onmessage = ({ data }) => frames_.push(JSON.parse(data))
  socket.onclose = () => setTimeout(connect, 2000, peerId)
  window.disconnect = () => {
    socket.send(JSON.stringify({ type: 'leave', roomId: 'bar', peerId }))
    socket.close()
  }
  window.drop = () => socket.close()
}
"""
NTH_OF_TYPE = "([type, nth]) => frames_.filter(frame => frame.type === type)[nth - 1]"


async def open_page(browser: Browser, url: str) -> Page:
    page = await (await browser.new_context()).new_page()
    await page.goto(url)
    await page.add_script_tag(content=CLIENT)
    return page


async def frame(page: Page, kind: str, nth: int = 1) -> dict[str, Any]:
    """Wait for the `nth` frame (counted from 1) of this type on the page, and return it."""
    handle = await page.wait_for_function(NTH_OF_TYPE, arg=[kind, nth])
    return dict(await handle.json_value())


async def count(page: Page, kind: str) -> int:
    return int(await page.evaluate("type => frames_.filter(frame => frame.type === type).length", kind))


async def test_the_original_client_joins_leaves_and_returns(demo: Site, browser: Browser) -> None:
    ann = await open_page(browser, demo.url)
    await ann.evaluate("connect('abc')")
    assert (await frame(ann, "peer_list"))["peers"] == []
    ben = await open_page(browser, demo.url)
    await ben.evaluate("connect('def')")
    [listed] = (await frame(ben, "peer_list"))["peers"]
    assert listed["peerId"] == "abc"
    assert isinstance(listed["joinedAt"], int)
    assert (await frame(ann, "peer_joined"))["peerId"] == "def"

    await ben.evaluate("disconnect()")
    assert (await frame(ann, "peer_left"))["peerId"] == "def"
    # Ben's client reconnects although it has closed the connection itself.
    assert (await frame(ann, "peer_joined", 2))["peerId"] == "def"
    [listed] = (await frame(ben, "peer_list", 2))["peers"]
    assert listed["peerId"] == "abc"
    await ben.evaluate("drop()")
    await frame(ben, "peer_list", 3)
    assert await count(ann, "error") == await count(ben, "error") == 0
