"""A page of the demo app in a browser, with methods for what a person does and sees there."""

from __future__ import annotations

import json
import re
from itertools import permutations
from typing import Any

from playwright.async_api import Browser, Locator, Page, WebSocket, expect

AT_ONCE_MS = 1_000  # ms; a person perceives this as immediate
WATCH = """() => {
  window.seen = { tiles: [], events: [] }
  new MutationObserver((changes) => {
    for (const { addedNodes, removedNodes } of changes)
      for (const node of [...addedNodes, ...removedNodes])
        if (node.dataset?.testid === 'tile') seen.tiles.push(node.textContent)
  }).observe(document.body, { childList: true, subtree: true })
  for (const name of ['peer_list', 'peer_joined', 'peer_left', 'peer_updated', 'resumed', 'renamed', 'left'])
    demo.client.addEventListener(name, () => seen.events.push(name))
}"""


class DemoPage:
    """A page of the demo app in a separate browser profile."""

    def __init__(self, page: Page, name: str) -> None:
        self.page = page
        self.name = name
        self.faults: list[str] = []
        """The uncaught exceptions of the page."""
        self.received: list[dict[str, Any]] = []
        """The frames that the page has received over the signaling connection. This list stays empty in Firefox, whose
        driver does not report frames."""
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        if re.search(r"/ws/signaling$", socket.url):
            socket.on("framereceived", lambda payload: self.received.append(json.loads(payload)))

    # --- what one does ---------------------------------------------------------------------------------------------

    async def open(self, url: str) -> None:
        """Open the lobby and enter a name."""
        await self.page.goto(url)
        await self.page.get_by_test_id("name").fill(self.name)

    async def join(self, room: str) -> None:
        """Click on a room that the lobby shows."""
        await self.room_card(room).click()
        await expect(self.page.get_by_test_id("room-name")).to_have_text(room)

    async def leave(self) -> None:
        await self.page.get_by_test_id("leave").click()

    async def turn_camera_on(self) -> None:
        """Switch on the camera and the microphone."""
        await self.page.get_by_test_id("media").click()

    async def turn_camera_off(self) -> None:
        """Switch off the camera and the microphone."""
        for kind in ("camera", "microphone"):
            await self.page.get_by_test_id(kind).click()

    async def say(self, text: str) -> None:
        await self.page.get_by_test_id("chat-input").fill(text)
        await self.page.get_by_test_id("chat-send").click()

    # --- what one sees ---------------------------------------------------------------------------------------------

    def room_card(self, room: str) -> Locator:
        return self.page.get_by_test_id("room-card").filter(has_text=room)

    def tile(self, name: str) -> Locator:
        own_name = self.page.get_by_test_id("tile-name").get_by_text(name, exact=True)
        return self.page.get_by_test_id("tile").filter(has=own_name)

    @property
    def banner(self) -> Locator:
        return self.page.get_by_test_id("banner")

    async def reads(self, text: str, within_ms: float | None = None) -> None:
        """Check that the chat shows the line exactly once."""
        line = self.page.get_by_test_id("chat-line").filter(has_text=text)
        await expect(line).to_have_count(1, timeout=within_ms)

    # --- what the page knows ---------------------------------------------------------------------------------------

    async def peer_id(self) -> str:
        peer_id: str = await self.page.evaluate("demo.client.peerId")
        return peer_id

    async def keep_connection_to(self, other: DemoPage) -> None:
        """Remember the RTCPeerConnection, for a later call of `has_kept_connection_to`."""
        await self.page.evaluate(
            "id => { (window.kept ??= {})[id] = demo.mesh.connectionTo(id) }", await other.peer_id()
        )

    async def has_kept_connection_to(self, other: DemoPage) -> bool:
        same = "id => window.kept[id] === demo.mesh.connectionTo(id)"
        return bool(await self.page.evaluate(same, await other.peer_id()))


async def new_page(browser: Browser, name: str, **options: Any) -> DemoPage:
    """Open a page. `options` are those of Playwright's `new_context`."""
    # With animations, the tiles would take a third of a page's CPU time.
    context = await browser.new_context(reduced_motion="reduce", **options)
    return DemoPage(await context.new_page(), name)


async def meet(url: str, room: str, *people: DemoPage) -> None:
    """Let these people join the room one after the other, and wait each time until all of them are connected."""
    for index, newcomer in enumerate(people):
        await newcomer.open(url)
        await newcomer.join(room)
        await all_connected(*people[: index + 1])


async def in_room(browser: Browser, url: str, room: str, *names: str) -> list[DemoPage]:
    """Open pages for people with these names, let them join the room, and wait until they are connected."""
    people = [await new_page(browser, name) for name in names]
    await meet(url, room, *people)
    return people


async def all_connected(*people: DemoPage) -> None:
    for one, other in permutations(people, 2):
        await expect(one.tile(other.name)).to_have_attribute("data-state", "connected")


async def watch(person: DemoPage) -> None:
    """From now on, record which tiles appear or disappear on the page."""
    await person.page.evaluate(WATCH)


async def seen(person: DemoPage) -> dict[str, Any]:
    """Return the tiles that appeared or disappeared since `watch`, and the names of the client's events."""
    found: dict[str, Any] = await person.page.evaluate("seen")
    return found
