"""`GET /inspector/`: the static files of the inspector. They contain no data and no secret, so they need no token."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from signaling_sidecar.server.http.open_handlers import open_to_all
from signaling_sidecar.server.pages.page_files import PALETTE

PAGE_PATH = "/inspector"
_FILES = Path(__file__).with_name("assets")
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_HEADERS = {
    # The drawings of the sidecar have `style` attributes, but no scripts and no style sheets of their own.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def page_routes() -> list[web.AbstractRouteDef]:
    return [
        web.get(PAGE_PATH, _redirect),
        web.get(f"{PAGE_PATH}/", _file),
        web.get(f"{PAGE_PATH}/{{name:[^/]+}}", _file),
    ]


@open_to_all
async def _redirect(request: web.Request) -> web.Response:
    """The page fetches its files by URLs that are relative to a path with a slash at its end."""
    raise web.HTTPPermanentRedirect(f"{PAGE_PATH}/")


@open_to_all
async def _file(request: web.Request) -> web.Response:
    name = request.match_info.get("name", "index.html")
    # Only names that the folder has are looked up, so that no name can lead out of it.
    path = next((each for each in (*_FILES.iterdir(), PALETTE) if each.name == name and each.suffix in _TYPES), None)
    if path is None:
        raise web.HTTPNotFound(text="the inspector has no such file\n", headers=_HEADERS)
    return web.Response(
        text=path.read_text("utf-8"), content_type=_TYPES[path.suffix], charset="utf-8", headers=_HEADERS
    )
