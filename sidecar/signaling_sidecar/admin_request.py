"""Requests to the admin API of a running sidecar."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

TIMEOUT_S = 5.0  # seconds; the sidecar is on this machine and answers from memory
# Proxies from the environment (`http_proxy`) are not used: they may apply to loopback too, and could read the token.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask_admin(url: str, token: str, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Send a request for `path` below `/admin/v1/`, and return the decoded JSON of the response.

    Raises `urllib.error.HTTPError` for an error status, and its base class `URLError` if no server responds.
    """
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/admin/v1/{path}", data, headers, method=method)
    with _opener.open(request, timeout=TIMEOUT_S) as answer:
        return json.load(answer)
