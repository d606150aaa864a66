"""Takes the two pictures of README.md, light and dark: `make record` makes them with real browsers and commands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, Page, ViewportSize

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
ROOM_SIZE: ViewportSize = {"width": 960, "height": 600}
LADDER_SIZE: ViewportSize = {"width": 900, "height": 680}
SHOW_TERMINAL = """output => {
  const terminal = document.createElement('pre')
  terminal.textContent = output
  terminal.style = 'margin: 0 0 16px; padding: 12px; border-radius: 8px; font: 12px/1.5 monospace;'
    + 'background: light-dark(#f1f3f5, #22262b); white-space: pre-wrap'
  document.body.prepend(terminal)
}"""


async def picture_the_room(page: Page, pictures: Path) -> None:
    """Take a picture of this page, which shows a room of the demo."""
    await page.set_viewport_size(ROOM_SIZE)
    await _take(page, pictures, "room")


async def picture_the_ladder(browser: Browser, log: Path, room: str, pictures: Path) -> None:
    """Take a picture of what `sidecar why` prints about a room of this log, and of the room's ladder below it."""
    drawing = log / "ladder.html"
    why = _sidecar("why", room, "--log", str(log))
    _sidecar("ladder", room, "--log", str(log), "--html", str(drawing))
    page = await browser.new_page(viewport=LADDER_SIZE)
    await page.goto(drawing.as_uri())
    await page.evaluate(SHOW_TERMINAL, f"$ sidecar why\n{why}")
    await _take(page, pictures, "ladder")
    await page.close()


def _sidecar(*words: str) -> str:
    command = [sys.executable, "-m", "signaling_sidecar", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr  # `why` exits with 1 if two peers are not connected
    return done.stdout


async def _take(page: Page, pictures: Path, name: str) -> None:
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme)
        await page.screenshot(path=pictures / f"{name}-{scheme}.png", animations="disabled")
