"""One request to the admin API of a sidecar."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

TIMEOUT_S = 5.0  # seconds; it is on this machine, and answers from memory
# Without the proxies of the environment (`http_proxy`): they may be asked for loopback too, and would read the token.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask_admin(url: str, token: str, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Ask for `path` below `/admin/v1/`, and give the answer's JSON.

    Raises `urllib.error.HTTPError` for a refusal, and its base `URLError` when nobody answers.
    """
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/admin/v1/{path}", data, headers, method=method)
    with _opener.open(request, timeout=TIMEOUT_S) as answer:
        return json.load(answer)
