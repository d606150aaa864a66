"""Opens two tabs with the page of a project, and waits for peers that the sidecar reports in a room."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Page

from signaling_sidecar.admin_request import ask_admin
from signaling_sidecar.eventlog.state_dir import read_runtime
from tests.kit.programs import until
from tests.kit.sites import Sidecar


class Tab:
    """A tab, and its errors since it was opened."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        """Uncaught exceptions, and errors and warnings in the console."""
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


async def two_tabs(browser: Browser, url: str) -> tuple[Tab, Tab]:
    """Open two tabs in one browser context, so that they share all storage that tabs can share."""
    window = await browser.new_context()
    one, other = Tab(await window.new_page()), Tab(await window.new_page())
    for tab in (one, other):
        await tab.page.goto(url)
    return one, other


def peers_in(sidecar: Sidecar, room: str) -> list[dict[str, Any]]:
    """The peers that are in the room now according to the admin API, including those that are away."""
    runtime = read_runtime(sidecar.state_dir)
    assert runtime is not None
    rooms = ask_admin(runtime.url, runtime.admin_token, "GET", "rooms")["rooms"]
    return [peer for each in rooms if each["room"] == room for peer in each["peers"]]


def are_connected(sidecar: Sidecar, room: str, count: int = 2) -> bool:
    """Whether exactly this many peers are in the room, and none of them is away."""
    peers = peers_in(sidecar, room)
    return len(peers) == count and not any(peer["away"] for peer in peers)


async def settled(sidecar: Sidecar, room: str, count: int = 2) -> None:
    """Wait until exactly this many peers are in the room, and none of them is away."""
    await until(lambda: are_connected(sidecar, room, count), f"{count} peers in {room!r}, all connected")


def most_at_once(sidecar: Sidecar, room: str) -> int:
    """The largest number of peers that were in the room at the same time, even for a moment."""
    here: set[str] = set()
    most = 0
    for record in sidecar.records():
        if record.get("room") != room:
            continue
        if record["type"] == "peer.joined":
            here.add(record["session"])
        elif record["type"] == "peer.left":
            here.discard(record["session"])
        most = max(most, len(here))
    return most
