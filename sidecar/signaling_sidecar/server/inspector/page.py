"""Serves the static files of the inspector at `/inspector/`. They need no token, because they contain no secret."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from signaling_sidecar.server.http.open_handlers import open_to_all
from signaling_sidecar.server.pages.page_files import FRESH, PALETTE

PAGE_PATH = "/inspector"
_FILES = Path(__file__).with_name("assets")
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_HEADERS = {
    **FRESH,
    # The drawings that the API sends have `style` attributes, but no scripts and no style sheets.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "Referrer-Policy": "no-referrer",
}


def page_routes() -> list[web.AbstractRouteDef]:
    return [
        web.get(PAGE_PATH, _redirect),
        web.get(f"{PAGE_PATH}/", _file),
        web.get(f"{PAGE_PATH}/{{name:[^/]+}}", _file),
    ]


@open_to_all
async def _redirect(request: web.Request) -> web.Response:
    """Redirect to the path with a slash at its end, because the page loads its files by relative URLs."""
    raise web.HTTPPermanentRedirect(f"{PAGE_PATH}/")


@open_to_all
async def _file(request: web.Request) -> web.Response:
    name = request.match_info.get("name", "index.html")
    # The name is only compared with those in the folder, so that no name leads out of the folder.
    path = next((each for each in (*_FILES.iterdir(), PALETTE) if each.name == name and each.suffix in _TYPES), None)
    if path is None:
        raise web.HTTPNotFound(text="the inspector has no such file\n", headers=_HEADERS)
    return web.Response(
        text=path.read_text("utf-8"), content_type=_TYPES[path.suffix], charset="utf-8", headers=_HEADERS
    )
