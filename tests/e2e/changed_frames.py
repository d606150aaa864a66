"""Pairs of browsers whose signaling frames a test changes on their way to the sidecar."""

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
"""A function that changes a frame. Its second argument is 0 for the first peer of a pair, and 1 for the second."""


def without(frame: Frame) -> Frame:
    """Replace the frame by one without content. The browser would send a dropped frame again."""
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
    """Replace the address in the candidates: for the first peer by `addresses[0]`, for the second by `addresses[1]`."""

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
    """Apply this change to every frame that the page sends to the sidecar."""

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
