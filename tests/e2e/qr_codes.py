"""Read QR codes from the pixels of a page, like the camera of a phone."""

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
    """Wait until the picture is loaded, and decode its QR code. Returns None if the picture contains no QR code."""
    await image.page.wait_for_function("image => image.naturalWidth > 0", arg=await image.element_handle())
    await image.page.add_script_tag(path=JSQR)
    text: str | None = await image.evaluate(READ)
    return text
