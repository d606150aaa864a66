"""Pairs of browsers whose signaling is changed on its way to the sidecar."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from playwright.async_api import Browser, WebSocketRoute

from tests.e2e.demo_page import DemoPage, new_page
from tests.kit.sites import Site

Frame = dict[str, Any]
Change = Callable[[Frame, int], Frame]
"""What happens to a frame that the first (0) or the second (1) peer of a pair sends."""


def without(frame: Frame) -> Frame:
    """Replace the frame, because a lost frame would be sent again."""
    return {**frame, "type": "signal"} | {name: None for name in ("sdp", "candidate") if name in frame}


def without_answers(frame: Frame, side: int) -> Frame:
    return without(frame) if frame["type"] == "answer" else frame


def without_candidates(frame: Frame, side: int) -> Frame:
    if frame["type"] == "candidate":
        return without(frame)
    return with_sdp(frame, lambda sdp: re.sub("a=candidate.*\r\n", "", sdp))


def with_another_fingerprint(frame: Frame, side: int) -> Frame:
    swapped = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)
    return with_sdp(frame, lambda sdp: re.sub("a=fingerprint:sha-256 [0-9A-F:]+", swapped, sdp))


def with_addresses(*addresses: str) -> Change:
    """Each peer sends a candidate with an address that no machine has."""

    def change(frame: Frame, side: int) -> Frame:
        def renamed(text: str) -> str:
            return re.sub(r"(candidate:\S+ \d \S+ \d+) \S+ ", rf"\1 {addresses[side]} ", text)

        if frame["type"] == "candidate":
            candidate = {**frame["candidate"], "candidate": renamed(frame["candidate"]["candidate"])}
            return {**frame, "candidate": candidate}
        return with_sdp(frame, renamed)

    return change


def with_sdp(frame: Frame, change: Callable[[str], str]) -> Frame:
    return {**frame, "sdp": change(frame["sdp"])} if "sdp" in frame else frame


async def changed(page: DemoPage, side: int, change: Change) -> None:
    """Change what the page signals, on its way to the sidecar."""

    async def route(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def pass_on(text: str | bytes) -> None:
            server.send(json.dumps(change(json.loads(text), side)))

        socket.on_message(pass_on)

    await page.page.route_web_socket("**/ws/signaling", route)


async def a_pair(browser: Browser) -> list[DemoPage]:
    return [await new_page(browser, name) for name in ("Ann", "Ben")]


async def enter(people: list[DemoPage], demo: Site, room: str) -> None:
    for person in people:
        await person.page.add_init_script(f"localStorage.setItem('demo:name', '{person.name}')")
        await person.page.goto(f"{demo.url}?room={room}")
        await person.page.wait_for_function("window.demo?.client.joined")
