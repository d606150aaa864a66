"""Makes one-time links to the inspector, for `sidecar inspect`.

The link has a code in its fragment, which a browser sends to no server. The page exchanges the code for a token, keeps
the token in its `sessionStorage` and sends it as a bearer token. The token is not in a cookie, so no other page can
make a browser send it.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
import time
from collections import deque
from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from signaling_sidecar.auth.same_secret import is_same_secret
from signaling_sidecar.errors import NOT_JSON, Code
from signaling_sidecar.server.admin.bodies import json_answer, read_body
from signaling_sidecar.server.http.open_handlers import open_to_all

VALID_S = 60.0  # seconds within which a link must be opened
MAX_LINKS = 16  # links that are not opened yet; if there are more, the oldest becomes invalid
MAX_SESSIONS = 64  # pages that were opened with a link; if there are more, the token of the oldest becomes invalid
TOKEN_BYTES = 32
OWN_SITE = ("same-origin", "none")
"""The values of the header `Sec-Fetch-Site` when a page of the sidecar itself sends the request, and when the user has
typed the URL."""
ADDED_BY_PROXIES = re.compile(
    "forwarded|via|cdn-loop|true-client-ip"
    "|x-(?:forwarded|real|client|cluster-client|original|envoy|amzn|ngrok|expose)-.+"
    "|(?:cf|fly|fastly|ngrok|tailscale|zrok)-.+",
    re.IGNORECASE,
)
"""Headers that proxies and tunnels add. A proxy or tunnel connects from this machine, but its users may be anywhere.
Vite's plugin has the same list."""


class _Code(msgspec.Struct, forbid_unknown_fields=True):
    code: Annotated[str, msgspec.Meta(max_length=128)]


class InspectorLinks:
    """Issues and checks the codes of the links, and the tokens of the pages that were opened with them."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._codes: deque[tuple[str, float]] = deque(maxlen=MAX_LINKS)
        self._tokens: deque[str] = deque(maxlen=MAX_SESSIONS)

    def new_code(self) -> str:
        code = secrets.token_urlsafe(TOKEN_BYTES)
        self._codes.append((code, self._now_s() + VALID_S))
        return code

    @open_to_all
    async def enter(self, request: web.Request) -> web.Response:
        """Handle the request with which a page exchanges the code of its link for a token."""
        refuse_other_pages(request)
        if not is_on_this_machine(request):
            raise web.HTTPForbidden(text="the link only works on the machine on which it was made\n")
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="the body must be application/json\n")
        try:
            sent = await read_body(request, _Code)
        except NOT_JSON as error:
            return json_answer({"code": Code.BAD_FIELD, "message": str(error)}, 400)
        token = self.token_for(sent.code)
        if token is None:
            return link_used()
        response = json_answer({"token": token})
        response.headers["Cache-Control"] = "no-store"
        return response

    def token_for(self, sent: str) -> str | None:
        """Invalidate a code, and return a token for it. Returns None if the code is unknown, used or expired."""
        valid = [code for code, until_s in self._codes if self._now_s() < until_s]
        found = [code for code in valid if is_same_secret(code, sent)]  # compares all codes, against timing attacks
        if not found:
            return None
        self._codes = deque((each for each in self._codes if each[0] not in found), maxlen=MAX_LINKS)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._tokens.append(token)
        return token

    def is_token(self, sent: str) -> bool:
        same = [is_same_secret(token, sent) for token in self._tokens]  # compares all tokens, against timing attacks
        return any(same)


def link_used() -> web.Response:
    message = "this link was used before, or is older than a minute: run `sidecar inspect` for a new one"
    return json_answer({"code": "inspector-link-used", "message": message}, 401)


def refuse_other_pages(request: web.Request) -> None:
    """Raise HTTPForbidden if a page that is not the sidecar's own has sent the request.

    `check_access` accepts requests from every page on this machine, and from the origins that the settings allow. But
    only the sidecar's own page may read what the peers send to each other.
    """
    origins = request.headers.getall("Origin", ())
    is_own = all(urlsplit(origin).netloc == request.host for origin in origins)
    if not is_own or any(site not in OWN_SITE for site in request.headers.getall("Sec-Fetch-Site", ())):
        raise web.HTTPForbidden(text="only the page of the inspector may send this request\n")


def is_on_this_machine(request: web.Request) -> bool:
    """Whether the browser is on this machine, and has opened the page under a loopback name such as localhost."""
    if any(map(ADDED_BY_PROXIES.fullmatch, request.headers)):
        return False
    return request.remote is not None and _is_loopback(request.remote) and _is_loopback(request.url.host or "")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
