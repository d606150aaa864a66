"""Requests to the admin API of a running sidecar."""

from __future__ import annotations

import json
import urllib.request
from http.client import HTTPResponse
from typing import Any
from urllib.error import HTTPError

from signaling_sidecar.eventlog.secure_context import is_insecure
from signaling_sidecar.untrusted_text import visible

TIMEOUT_S = 5.0  # seconds; the sidecar answers from memory


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Another server must not get the token."""

    def redirect_request(self, *_: Any) -> None:
        return None


# Proxies from the environment (`http_proxy`) are not used: they may apply to loopback too, and could read the token.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


def warning_of_plain_http(url: str) -> str | None:
    """Return a sentence if others could read a token on its way to this URL, or None if they cannot."""
    return f"the token is sent to {visible(url)} without encryption; use https" if is_insecure(url) else None


def ask_admin(url: str, token: str, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Send a request for `path` below `/admin/v1/`, and return the decoded JSON of the response.

    Raises `urllib.error.HTTPError` for an error status, and its base class `URLError` if no server responds.
    """
    with open_admin(url, token, method, path, body) as answer:
        return json.load(answer)


def open_admin(
    url: str,
    token: str,
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
    timeout_s: float | None = TIMEOUT_S,
) -> HTTPResponse:
    """Do the same, but return the response without reading it. Without `timeout_s`, a line of it may take any time."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/admin/v1/{path}", data, headers, method=method)
    response: HTTPResponse = _opener.open(request, timeout=timeout_s)
    return response


def refusal_of(error: HTTPError) -> tuple[str, str]:
    """Return the code and the sentence with which the sidecar has refused a request."""
    text = error.read().decode(errors="replace").strip()
    if error.headers.get_content_type() != "application/json":
        return str(error.code), text
    said = json.loads(text)
    return said["code"], said["message"]
