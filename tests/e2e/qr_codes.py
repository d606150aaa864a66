"""Reads QR codes as a phone's camera would: from the pixels that a page shows."""

from __future__ import annotations

from playwright.async_api import Locator

from tests.kit.checkout import FRONTEND

JSQR = FRONTEND / "node_modules" / "jsqr" / "dist" / "jsQR.js"
READ = """image => {
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = 600
  const context = canvas.getContext('2d')
  context.drawImage(image, 0, 0, 600, 600)
  return jsQR(context.getImageData(0, 0, 600, 600).data, 600, 600)?.data ?? null
}"""


async def text_in(image: Locator) -> str | None:
    """What the code in the picture says, once it is loaded; None when there is no code in it."""
    await image.page.wait_for_function("image => image.naturalWidth > 0", arg=await image.element_handle())
    await image.page.add_script_tag(path=JSQR)
    text: str | None = await image.evaluate(READ)
    return text
